#!/usr/bin/env python3
"""Post-synthesis check: what Yosys makes of an accelerator, co-simulated against the golden model.

The whole design, or only the modules named (with all their instances and submodules), is synthesised; its netlist takes the
place of the Verilog that it was made from, and `mercury cosim` runs its campaign on the result: every output word, counter,
Hitmap record and cycle. The rest of the design stays as it was generated, so that single blocks of a large design are
checked in the time of a small one.

Netlists are self-contained Verilog: the simulation models of the cells, which Yosys brings, stand in it instead of the cells.
"""
import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time

import area

WORK = area.ROOT / "target" / "netlist"

EPILOG = """\
cells
  ice40  everything, multipliers (SB_MAC16) and block RAM (SB_RAM40_4K) too
  ecp5   LUT4, carry chains, flip-flops and LUT RAM; multipliers and block RAM of ECP5 have no simulation model among open
         tools, so they are made of the former, which takes long beyond `tiny`
  gates  generic gates and flip-flops

examples
  tools/netlist.py                                                       all of `tiny`, as iCE40 cells
  tools/netlist.py --cells ecp5 --preset small --module detector_lane mcache requantizer
  make netlist-test PRESET=small MODULES="pe"

exit codes: 0 good, 1 mismatch or failed synthesis, 2 bad usage or configuration, 3 missing tool.
Yosys is .tools/bin/yosys (`make tools`), or what YOSYS names; MERCURY and GEN_VERILOG name built programs of the project, which
otherwise `cargo run` brings."""

# Command and number of cases of each design's campaign.
CREW, ACRTC = (["crew", "cosim"], "--layers"), (["acrtc", "cosim"], "--products")
CAMPAIGNS = {"mercury": (["cosim"], "--jobs"), "crew": CREW, "dense_fc": CREW, "acrtc": ACRTC, "dense_tc": ACRTC}

SYNTH = {
    "ice40": "synth_ice40 -dsp -top {top}",
    "ecp5": "synth_ecp5 -nodsp -nobram -top {top}",
    "gates": "synth -flatten -top {top}",
}
# Puts the simulation models of the cells in their place. In a design of its own: there no black box has the name of a model, and
# models that are not used, among them large memories, are not compiled.
MODELS = (
    "select {top}; write_rtlil -selected netlist.il; design -reset; read_rtlil netlist.il; "
    "read_verilog -nowb -defer {library}; hierarchy -check -top {top}; proc; flatten; opt_clean -purge"
)
LIBRARY = {"ice40": "-D ICE40_HX +/ice40/cells_sim.v", "ecp5": "-D NO_INCLUDES +/ecp5/cells_sim.v"}


def script(cells, top):
    steps = [
        "read_verilog design.v",
        SYNTH[cells].format(top=top),
        "tee -o stat.txt stat",
        MODELS.format(library=LIBRARY[cells], top=top) if cells in LIBRARY else "",
        f"write_verilog -noattr {top}.v",
    ]
    return "; ".join(s for s in steps if s)


def family(module, texts):
    """A module and all that it is made of, submodules first."""
    found = {}
    for name in area.inside(texts[module], texts):
        found |= family(name, texts)
    return found | {module: texts[module]}


def netlist(cells, module, texts, timeout):
    """The text of the module's netlist; kept for the same Verilog."""
    design = "".join(family(module, texts).values())
    if cells == "ice40":
        design = area.without_lut_ram(design)
    program = os.environ.get("YOSYS") or str(area.ROOT / ".tools/bin/yosys")
    if not shutil.which(program):
        area.fail(3, f"{program} is missing: run `make tools`, or name a Yosys with YOSYS=")
    steps = script(cells, module)
    version = subprocess.run([program, "-V"], capture_output=True, text=True).stdout.split(" (")[0]
    folder = WORK / "cells" / hashlib.sha256(chr(0).join([version, steps, design]).encode()).hexdigest()[:16]
    kept, started = folder / "kept.v", time.monotonic()
    if not kept.exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "design.v").write_text(design)
        # Yosys as WebAssembly sees its own folder only, and loses its standard output after `abc`.
        command = [program, "-q", "-l", "yosys.log", "-p", steps]
        try:
            done = subprocess.run(command, cwd=folder, timeout=timeout, capture_output=True, text=True)
        except subprocess.TimeoutExpired:
            area.fail(1, f"{module}: Yosys stopped after {timeout} s (--timeout)")
        if done.returncode:
            area.fail(1, f"{module}: Yosys failed, exit {done.returncode} (log: {folder / 'yosys.log'})\n{done.stderr[-2000:]}")
        (folder / f"{module}.v").rename(kept)
    counted = re.findall(r"^ +(\d+) +(?:\S+ +)?([A-Z]\w+|\$_\w+)$", (folder / "stat.txt").read_text(), re.MULTILINE)
    most = sorted(((int(n), kind) for n, kind in counted), reverse=True)[:8]
    area.say(f"{module}: {', '.join(f'{n} {kind}' for n, kind in most)}; {time.monotonic() - started:.0f} s")
    return kept.read_text()


def replaced(arguments, config):
    """A folder of Verilog in which the modules' netlists stand in the place of the modules."""
    top, texts = area.generate(config)
    modules = arguments.module or [top]
    for module in modules:
        if module not in texts:
            area.fail(2, f"--module {module}: {config['name']} has no such module; it has {', '.join(texts)}")
    source = area.verilog_folder(config) / config["name"]
    manifest = json.loads((source / "manifest.json").read_text())
    netlists = {m: netlist(arguments.cells, m, texts, arguments.timeout) for m in modules}
    key = [arguments.cells, *(arguments.spoil or []), *modules, *netlists.values(), *texts.values()]
    folder = WORK / hashlib.sha256(chr(0).join(key).encode()).hexdigest()[:16]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    hollow = {m: area.heads([m], texts)[0] if m in modules else text for m, text in texts.items()}
    needed = family(top, hollow)
    files = [name for name in manifest["files"] if name.removesuffix(".v") in needed]
    if arguments.spoil:
        old, new = arguments.spoil
        netlists = {m: text.replace(old, new) for m, text in netlists.items()}
    for name in files:
        module = name.removesuffix(".v")
        (folder / name).write_text(netlists.get(module) or (source / name).read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "files": files}, indent=2))
    return folder, source.parent / "config.toml"


def main():
    parser = argparse.ArgumentParser(description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--preset", default="tiny", help="sizes: a file of configs/ (default: tiny)")
    which.add_argument("--config", metavar="FILE", help="sizes, from a TOML file")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="another value of a key, as pes=8; may be repeated")
    parser.add_argument("--module", nargs="*", default=[], metavar="NAME", help="modules to synthesise (default: the whole design)")
    parser.add_argument("--cells", choices=SYNTH, default="ice40", help="cells of the netlist (default: ice40)")
    parser.add_argument("--jobs", default="100", help="jobs of the campaign; layers of CREW, products of ACRTC (default: 100)")
    parser.add_argument("--seed", default="1", help="seed of the campaign (default: 1)")
    parser.add_argument("--p-stall", default="0", help="probability of a pause of the host (default: 0)")
    parser.add_argument("--timeout", type=int, default=3600, metavar="SECONDS", help="longest time for one synthesis (default: 3600)")
    parser.add_argument("--spoil", nargs=2, metavar=("OLD", "NEW"), help="replace text of the netlists, to see the check fail")
    arguments = parser.parse_args()
    sizes = area.configuration(arguments)
    folder, config = replaced(arguments, sizes)
    cosim, cases = CAMPAIGNS[sizes.get("design", "mercury")]
    command = [*area.program("mercury"), *cosim, "--config", config, "--rtl", folder]
    command += [cases, arguments.jobs, "--seed", arguments.seed, "--p-stall", arguments.p_stall]
    sys.exit(subprocess.run(command, cwd=area.ROOT).returncode)


if __name__ == "__main__":
    main()
