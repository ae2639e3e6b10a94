#!/bin/sh
# Checks the Verilog in the folder above; exit code 0 if it is right.
#   run.sh icarus      the testbench {{ top }}_tb.v under Icarus Verilog (default)
#   run.sh verilator   the same under Verilator 5 (VERILATOR= names another one)
#   run.sh c           forward.c, a driver's first job, on the Verilated design
cd "$(dirname "$0")" || exit 2
verilator=${VERILATOR:-verilator}
sources=$(sed 's|^|../|' ../{{ name }}.f)
case ${1:-icarus} in
icarus) tool=iverilog ;;
verilator | c) tool=$verilator ;;
*) echo "usage: run.sh [icarus|verilator|c]" >&2; exit 2 ;;
esac
command -v "$tool" >/dev/null || { echo "$tool is missing: install it, or set VERILATOR= (\`make tools\` of the generator brings one)" >&2; exit 3; }
case ${1:-icarus} in
icarus)
  iverilog -g2005 -s {{ top }}_tb -o {{ name }}_tb.vvp $sources {{ top }}_tb.v || exit 1
  vvp -n {{ name }}_tb.vvp | tee run.log
  ;;
verilator)
  "$verilator" --binary --timing -Wno-fatal -Wno-WIDTH --top-module {{ top }}_tb -Mdir {{ name }}_tb_build $sources {{ top }}_tb.v >build.log 2>&1 ||
    { tail -20 build.log; exit 1; }
  {{ name }}_tb_build/V{{ top }}_tb | tee run.log
  ;;
c)
  "$verilator" --cc --exe --build -Wno-fatal --top-module {{ top }} -Mdir forward_build -o forward $sources board.cpp forward.c >build.log 2>&1 ||
    { tail -20 build.log; exit 1; }
  forward_build/forward | tee run.log
  ;;
esac
grep -q '^PASS' run.log
