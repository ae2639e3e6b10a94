#!/bin/sh
# Checks the Verilog in the folder above; exit code 0 if it is right.
#   run.sh icarus      the testbench {{ top }}_tb.v under Icarus Verilog (default)
#   run.sh verilator   the same under Verilator 5 (VERILATOR= names another one)
#   run.sh c           forward.c, a driver's first job, on the Verilated design
#   run.sh uart        the same job through the serial line of board/ulx3s.v, also Verilated
cd "$(dirname "$0")" || exit 2
verilator=${VERILATOR:-verilator}
sources=$(sed 's|^|../|' ../{{ name }}.f)
case ${1:-icarus} in
icarus) tool=iverilog ;;
verilator | c | uart) tool=$verilator ;;
*) echo "usage: run.sh [icarus|verilator|c|uart]" >&2; exit 2 ;;
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
uart)
  board=$(sed 's|^|../board/|' ../board/ulx3s.f)
  "$verilator" --cc --exe --build -O3 -Wno-fatal --top-module ulx3s -Mdir ulx3s_build -o ulx3s $sources $board ulx3s_sim.cpp >build.log 2>&1 &&
    ${CC:-cc} -O -Wall -o forward_uart forward.c board_uart.c >>build.log 2>&1 || { tail -20 build.log; exit 1; }
  rm -f line.log
  ulx3s_build/ulx3s until-hang-up >line.log &
  simulation=$!
  trap 'kill $simulation 2>/dev/null' EXIT
  seconds=0
  until [ -s line.log ] || [ $seconds -ge 60 ]; do
    sleep 1
    seconds=$((seconds + 1))
  done
  MERCURY_UART=$(head -1 line.log) ./forward_uart | tee run.log
  ;;
esac
grep -q '^PASS' run.log
