# Verbs of the project. Tools go into .tools/ of this folder, without root; everything built goes into target/.
PRESET ?= small
# Designs for fully connected layers have a command of their own.
COSIM := $(if $(filter crew-% dense-fc-%,$(PRESET)),crew cosim --layers,$(if $(filter acrtc-% dense-tc-%,$(PRESET)),acrtc cosim --products,cosim --jobs))
SYNTH_STAMP := .tools/.synth-$(shell sha256sum tools/synth-requirements.txt tools/install-synth.sh | sha256sum | cut -c1-12)
STAMP := .tools/.done-$(shell sha256sum tools/requirements.txt tools/install.sh | sha256sum | cut -c1-12)

.PHONY: help tools synth-tools doctor gen package test verilator-test netlist-test lint synth bitstream clean

help:  ## this list
	@echo "make VERB [PRESET=$(PRESET)]"
	@sed -n 's/^\([a-z-]*\):.*## /  \1\t/p' $(MAKEFILE_LIST) | expand -t 20

tools: $(STAMP)  ## install the pinned Verilator and Yosys into .tools/ (once, no root)

$(STAMP): tools/requirements.txt tools/install.sh
	@tools/install.sh
	@rm -f .tools/.done-* && touch $@

synth-tools: $(SYNTH_STAMP)  ## also nextpnr-ecp5 and ecppack, for `make synth`

$(SYNTH_STAMP): $(STAMP) tools/synth-requirements.txt tools/install-synth.sh
	@tools/install-synth.sh
	@rm -f .tools/.synth-* && touch $@

doctor:  ## which tools are found, which are missing, what to do
	@cargo run --release --quiet --bin mercury -- doctor

gen:  ## generate the Verilog of PRESET into rtl_out/
	@cargo run --release --quiet --bin gen-verilog -- --preset $(PRESET)

package:  ## Verilog of PRESET with project files, drivers and testbenches into packages/
	@cargo run --release --quiet --bin gen-verilog -- --preset $(PRESET) --package

test: tools  ## every check: format, lints, all tests, documentation, co-simulation
	@tools/test.sh

verilator-test: tools gen  ## co-simulate PRESET on Verilator against the golden model, with and without stalls
	@cargo run --release --quiet --bin mercury -- $(COSIM) 200 --preset $(PRESET) --seed 1
	@cargo run --release --quiet --bin mercury -- $(COSIM) 100 --preset $(PRESET) --seed 2 --p-stall 0.3

netlist-test: tools  ## co-simulate what Yosys makes of PRESET, or of its MODULES="pe mcache", against the golden model
	@tools/netlist.py --preset $(PRESET) $(if $(MODULES),--module $(MODULES)) $(if $(CELLS),--cells $(CELLS))

lint: tools  ## every preset through Verilator -Wall, Yosys and, when installed, Icarus
	@tools/lint.sh

synth: synth-tools  ## area, clock, critical path and bitstream of PRESET: reports/synth/
	@tools/synth.py --preset $(PRESET)

bitstream: synth-tools  ## PRESET with a serial link to the host on a ULX3S board: packages/PRESET/board/ulx3s.bit
	@tools/bitstream.sh $(PRESET)

clean:  ## remove what was built and the installed tools
	rm -rf target .tools
