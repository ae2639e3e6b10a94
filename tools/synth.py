#!/usr/bin/env python3
"""Takes an accelerator through an FPGA flow of open tools: synthesis, place and route, timing, bitstream.

For Lattice ECP5 the whole design is synthesised flat with Yosys, placed and routed with nextpnr-ecp5 on an LFE5U-85F, speed
grade 6, in the package of 756 balls (every port on a pin of nextpnr's choice), timed, and packed into a bitstream. For Xilinx
7-series and Lattice iCE40 it is synthesised, which gives area and no clock: 7-series module by module as tools/area.py does,
so that 168 PEs cost the time of one. Everything is done twice, with reuse hardware and without (`reuse = false`); the ports that show Hitmap
records to a simulation (`trace`) are left out, as on a board.

The check: each PE has its multiplier and nothing else has one, and block RAM is what the configuration's estimate says.
Results go to reports/synth/PRESET.json; stages are kept in target/synth/ and not repeated for the same Verilog, tools and seed.
"""
import argparse
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

import area

ROOT = area.ROOT
WORK = ROOT / "target" / "synth"
REPORTS = ROOT / "reports" / "synth"

EPILOG = """\
what the JSON says, for each target and for `reuse` and `dense`
  lut, ff, dsp, bram   cells: LUT4 and two for each carry cell CCU2C (ecp5), block RAMs in the device's own blocks
  fmax_mhz             after place and route; null where no open tool routes the device, or --place-only
  placed_mhz           after placement: nextpnr's estimate before routing
  critical_path        registers at its ends, nanoseconds of logic and of wires, the blocks that it goes through
  cells_by_module      the same counts by module, all its instances together, without its submodules
  seconds              run time of each stage

examples
  make synth PRESET=ecp5                            every target
  tools/synth.py --preset tiny --targets ecp5       one target
  tools/synth.py --preset ecp5 --seed 3             another start of the placer
  tools/synth.py --preset tiny --variants dense --no-route

exit codes: 0 good, 1 a stage or the check failed, 2 bad usage or configuration, 3 missing tool.
Tools stand in .tools/bin (`make synth-tools`), or are named by YOSYS, NEXTPNR_ECP5 and ECPPACK."""

# What a device has; `ram` is its block RAM. LFE5U-85F: ECP5 data sheet; iCE40: UltraPlus and HX family data sheets.
DEVICES = {
    "ecp5": {"device": "LFE5U-85F", "lut": 83_640, "ff": 83_640, "dsp": 156, "bram": 208},
    "xc7": {"device": "XC7VX690T", "lut": 433_200, "ff": 866_400, "dsp": 3600, "bram": 2940},
    "ice40": {"device": "iCE40UP5K", "lut": 5_280, "ff": 5_280, "dsp": 8, "bram": 30},
}
# Copies of registers stay copies: see there.
KEEP = ROOT / "src/package/templates/keep.ys"
# Registers behind block RAM become its own: see there.
OUTREG = ROOT / "src/package/templates/outreg.py"
FLAT = {"ecp5": "synth_ecp5", "ice40": "synth_ice40 -dsp"}
# More PEs than this are synthesised module by module: flat, they take longer than a quarter of an hour.
MOST_FLAT_PES = 32
# What one cell takes; those of xc7 and ecp5 are counted as tools/area.py does.
CELLS = {
    **area.CELLS,
    "SB_LUT4": {"LUT": 1},
    "SB_MAC16": {"DSP": 1},
    "SB_RAM40_4K": {"RAM18": 1},
    "SB_CARRY": {},
}
COLUMNS = {"lut": ["LUT", "LUTRAM"], "ff": ["FF"], "dsp": ["DSP"], "bram": ["RAM18"]}


def tool(name, variable):
    program = os.environ.get(variable) or str(ROOT / ".tools/bin" / name)
    if not shutil.which(program):
        area.fail(3, f"{program} is missing: run `make synth-tools`, or name a {name} with {variable}=")
    return program


class Stages:
    """Runs tools one after the other and says what goes on."""

    def __init__(self, arguments):
        self.timeout = arguments.timeout
        self.seconds = {}

    def run(self, label, folder, command, log):
        """Runs `command` in `folder`; its messages go to the file `log`. The seconds it took, None if it failed."""
        started, said = time.monotonic(), 0
        print(f"{label} ...", file=sys.stderr, flush=True)
        with open(folder / f"{log}.out", "w") as out:
            process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
            try:
                while (status := process.poll()) is None:
                    time.sleep(0.2)
                    passed = time.monotonic() - started
                    if passed > self.timeout:
                        area.say(f"{label}: stopped after {self.timeout} s (--timeout)")
                        break
                    if passed - said > 60:
                        said = passed
                        area.say(f"{label}: {passed:.0f} s, {last_line(folder / log)}")
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
        passed = round(time.monotonic() - started, 1)
        if status != 0:
            area.say(f"{label}: FAILED after {passed} s\n{(folder / f'{log}.out').read_text()[-2000:]}{last_line(folder / log)}")
            return None
        area.say(f"{label}: {passed} s")
        return passed


def last_line(path):
    lines = path.read_text(errors="replace").split("\n") if path.exists() else []
    return next((line.strip()[:100] for line in reversed(lines) if line.strip()), "")


def counts(cells):
    """Cells by type as lut, ff, dsp, bram."""
    total = Counter()
    for kind, number in cells.items():
        if re.fullmatch(r"SB_DFF\w*", kind):
            total["FF"] += number
        elif kind in CELLS:
            for column, each in CELLS[kind].items():
                total[column] += each * number
        else:
            area.fail(1, f"{number} cells {kind}, which this tool cannot count: add it to CELLS")
    return {key: sum(total[c] for c in columns) for key, columns in COLUMNS.items()}


class Netlist:
    """A flat netlist and the hierarchy that it had."""

    def __init__(self, path, top):
        self.cells = json.loads(path.read_text())["modules"][top]["cells"]
        self.top = top
        scopes = {n: c for n, c in self.cells.items() if c["type"] == "$scopeinfo"}
        self.module = {name: cell["attributes"]["module"].lstrip("\\") for name, cell in scopes.items()}

    def owner(self, name):
        """The innermost instance that a cell belongs to, '' for the top module, by its name."""
        parts = name.split(".")
        for n in range(len(parts) - 1, 0, -1):
            if (instance := ".".join(parts[:n])) in self.module:
                return instance
        return ""

    def by_module(self):
        kinds = defaultdict(Counter)
        for name, cell in self.cells.items():
            kinds[self.module.get(self.owner(name), self.top)][cell["type"]] += 1
        found = {module: counts(cells) for module, cells in kinds.items()}
        return dict(sorted(found.items(), key=lambda item: -item[1]["lut"]))

    def total(self):
        return counts(Counter(cell["type"] for cell in self.cells.values()))


def critical_path(report, netlist):
    """The slowest path between registers of nextpnr's report, in terms of the design."""
    paths = [p for p in report["critical_paths"] if p["from"].split()[-1] == p["to"].split()[-1] != "<async>"]
    if not paths:
        return None
    steps = max(paths, key=lambda p: sum(s["delay"] for s in p["path"]))["path"]
    nanoseconds = Counter()
    for step in steps:
        nanoseconds["wires" if step["type"] == "routing" else "logic"] += step["delay"]
    plain = lambda cell: re.sub(r"_(TRELLIS_FF|LUT4|CCU2C|PFUMX|L6MUX21|MULT18X18D)_.*|\$.*", "", cell)
    hops = [plain(s["to"]["cell"]) for s in steps if s["type"] == "routing"]
    return {
        "from": plain(steps[0]["from"]["cell"]),
        "to": plain(steps[-1]["to"]["cell"]),
        "blocks": list(dict.fromkeys(netlist.module.get(netlist.owner(h), netlist.top) for h in hops)),
        "through": list(dict.fromkeys(hops)),
        "ns": round(sum(nanoseconds.values()), 2),
        "ns_logic": round(nanoseconds["logic"], 2),
        "ns_wires": round(nanoseconds["wires"], 2),
        "levels": sum(s["type"] == "logic" for s in steps),
    }


class Flow:
    def __init__(self, arguments):
        self.arguments = arguments
        self.yosys = tool("yosys", "YOSYS")
        routes = "ecp5" in arguments.targets and not arguments.no_route
        self.nextpnr = tool("nextpnr-ecp5", "NEXTPNR_ECP5") if routes else None
        self.ecppack = tool("ecppack", "ECPPACK") if routes else None
        self.stages = Stages(arguments)
        version = subprocess.run([self.yosys, "-V"], capture_output=True, text=True).stdout
        self.versions = {"yosys": version.split(" (")[0].strip()}
        if routes:
            said = subprocess.run([self.nextpnr, "--version"], capture_output=True, text=True)
            self.versions["nextpnr"] = re.search(r"Version ([\w.-]+)", said.stdout + said.stderr).group(1)

    def target(self, target, variant, config):
        """What one target and variant takes."""
        label = f"{config['name']} {target} {variant}"
        manifest, texts = generate(config)
        flat = target in FLAT and config["sets"] * config["pes"] <= MOST_FLAT_PES
        result = self.flat(label, target, manifest, texts) if flat else self.by_module(label, target, config)
        if result is None:
            return None
        result = {"device": DEVICES[target]["device"], "config_hash": manifest["config_hash"], **result}
        have = DEVICES[target]
        result["too_large_for_device"] = [k for k in COLUMNS if result[k] > have[k]]
        result["check"] = check(target, manifest, result)
        return result

    def by_module(self, label, target, config):
        started = time.monotonic()
        if target == "ice40":
            area.say(f"{label}: left out, {config['sets'] * config['pes']} PEs do not fit the family")
            return None
        self.arguments.family = target
        design = area.Design(config, area.Yosys(self.arguments))
        if design.missing:
            area.say(f"{label}: FAILED: {', '.join(design.missing)}")
            return None
        total = design.total()
        shape = lambda areas: {key: sum(areas[c] for c in columns) for key, columns in COLUMNS.items()}
        modules = {
            name: shape(Counter({k: v * design.count[name] for k, v in own.items()})) for name, own in design.own.items()
        }
        return {
            **shape(total),
            "fmax_mhz": None,
            "critical_path": None,
            "synthesis": "module by module: cells, before packing",
            "cells_by_module": dict(sorted(modules.items(), key=lambda item: -item[1]["lut"])),
            "seconds": {"synthesis": round(time.monotonic() - started, 1)},
        }

    def flat(self, label, target, manifest, texts):
        if target == "ice40":
            texts = {module: area.without_lut_ram(text) for module, text in texts.items()}
        top, script = manifest["top"], f"{FLAT[target]} -top {manifest['top']} -json netlist.json"
        key = chr(0).join([json.dumps(self.versions), script, KEEP.read_text(), OUTREG.read_text(), *texts.values()])
        folder = WORK / hashlib.sha256(key.encode()).hexdigest()[:16]
        kept = folder / "synthesis.json"
        if not kept.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            (folder / "design.v").write_text("".join(texts.values()))
            shutil.copy(KEEP, folder)
            # Yosys as WebAssembly sees its own folder only, and loses its standard output after `abc`.
            command = [self.yosys, "-q", "-l", "yosys.log", "-p", f"read_verilog design.v; script {KEEP.name}; {script}"]
            seconds = self.stages.run(f"{label}: synthesis, whole design", folder, command, "yosys.log")
            if seconds is None:
                return None
            if target == "ecp5" and subprocess.run([sys.executable, OUTREG, folder / "netlist.json"]).returncode:
                return None
            kept.write_text(json.dumps(seconds))
        netlist = Netlist(folder / "netlist.json", top)
        seconds = {"synthesis": json.loads(kept.read_text())}
        found = {
            **netlist.total(),
            "fmax_mhz": None,
            "critical_path": None,
            "synthesis": "whole design, flat",
            "cells_by_module": netlist.by_module(),
            "seconds": seconds,
        }
        if target == "ecp5" and self.nextpnr and not any(found[k] > DEVICES["ecp5"][k] for k in COLUMNS):
            routed = self.route(label, folder, netlist)
            if routed is None:
                return None
            seconds |= routed.pop("seconds")
            found |= routed
        return found

    def route(self, label, folder, netlist):
        """Places, routes and packs the netlist of `folder`."""
        a = self.arguments
        name = f"seed{a.seed}_{a.freq}_{a.placer}_{'placed' if a.place_only else a.router}"
        kept = folder / f"{name}.json"
        if not kept.exists():
            command = [self.nextpnr, "--85k", "--package", "CABGA756", "--speed", "6", "--json", "netlist.json",
                       "--lpf-allow-unconstrained", "--placer", a.placer, "--router", a.router, "--freq", str(a.freq), "--timing-allow-fail",
                       "--seed", str(a.seed), "--report", f"{name}_report.json", "--textcfg", f"{name}.config", "-q", "--log", f"{name}.log"]
            if a.place_only:
                seconds = self.stages.run(f"{label}: place", folder, [*command, "--no-route"], f"{name}.log")
                if seconds is None:
                    return None
                kept.write_text(json.dumps({"place": seconds}))
                return self.placed(folder, name)
            route = self.stages.run(f"{label}: place and route", folder, command, f"{name}.log")
            if route is None:
                return None
            command = [self.ecppack, "--compress", f"{name}.config", f"{name}.bit"]
            pack = self.stages.run(f"{label}: bitstream", folder, command, f"{name}.pack")
            if pack is None:
                return None
            kept.write_text(json.dumps({"place_and_route": route, "bitstream": pack}))
        if a.place_only:
            return self.placed(folder, name)
        report = json.loads((folder / f"{name}_report.json").read_text())
        clock = max(report["fmax"].values(), key=lambda c: c["achieved"])
        bits = folder / f"{name}.bit"
        return {
            **self.placed(folder, name),
            "router": a.router,
            "fmax_mhz": round(clock["achieved"], 2),
            "critical_path": critical_path(report, netlist),
            "utilization": {k: v["used"] for k, v in report["utilization"].items() if v["used"]},
            "bitstream": {"file": str(bits.relative_to(ROOT)), "bytes": bits.stat().st_size},
        }

    def placed(self, folder, name):
        """What is known after placement; nextpnr estimates the clock there, before any wire is routed."""
        log = (folder / f"{name}.log").read_text()
        return {
            "speed_grade": 6,
            "seed": self.arguments.seed,
            "placer": self.arguments.placer,
            "placed_mhz": float(re.search(r"Max frequency for clock .*?: ([\d.]+) MHz", log).group(1)),
            "seconds": json.loads((folder / f"{name}.json").read_text()),
        }


def generate(config):
    """The manifest and the text of every module, in the order of their use."""
    top, texts = area.generate(config)
    folder = area.verilog_folder(config) / config["name"]
    return json.loads((folder / "manifest.json").read_text()), texts


def check(target, manifest, result):
    """What is inferred otherwise than the configuration expects."""
    expected = manifest["estimate"]
    if not expected or target == "ice40":
        return []  # iCE40 has other blocks; designs without an estimate expect nothing
    wrong = []
    if result["dsp"] != expected["multipliers"]:
        wrong.append(f"{result['dsp']} DSPs, expected {expected['multipliers']}: one a PE")
    if target == "ecp5" and result["bram"] != expected["block_rams"]:
        wrong.append(f"{result['bram']} block RAMs, expected {expected['block_rams']}")
    return wrong


def table(results):
    print(f"\n{'target':<8}{'device':<12}{'':<8}{'LUT':>9}{'FF':>9}{'DSP':>6}{'BRAM':>6}{'Fmax MHz':>10}{'seconds':>9}  critical path")
    for target, variants in results.items():
        for variant, r in variants.items():
            if r is None:
                continue
            path = r["critical_path"]
            where = f"{path['from']} to {path['to']}" if path else ""
            if r["too_large_for_device"]:
                where = f"does not fit: {', '.join(r['too_large_for_device'])}"
            fmax = f"{r['fmax_mhz']:.1f}" if r["fmax_mhz"] else "-"
            print(f"{target:<8}{r['device']:<12}{variant:<8}{r['lut']:>9,}{r['ff']:>9,}{r['dsp']:>6}{r['bram']:>6}{fmax:>10}"
                  f"{sum(r['seconds'].values()):>9.0f}  {where}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--preset", default="small", help="sizes: a file of configs/ (default: small)")
    which.add_argument("--config", metavar="FILE", help="sizes, from a TOML file")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE",
                        help="another value of a key, as pes=8; may be repeated, drops the key device")
    parser.add_argument("--targets", default=",".join(DEVICES), help="any of ecp5, xc7, ice40, with commas between (default: all)")
    parser.add_argument("--variants", default="reuse,dense", help="reuse, dense or both (default)")
    parser.add_argument("--no-route", action="store_true", help="leave place and route out")
    parser.add_argument("--seed", type=int, default=1, help="start of the placer (default: 1)")
    parser.add_argument("--freq", type=int, default=100, metavar="MHZ", help="clock that the placer aims at (default: 100)")
    parser.add_argument("--place-only", action="store_true", help="stop after placement: the clock is nextpnr's estimate")
    parser.add_argument("--placer", choices=["static", "heap"], default="static", help="of nextpnr (default: static)")
    parser.add_argument("--router", choices=["router1", "router2"], default="router1", help="of nextpnr (default: router1)")
    parser.add_argument("--timeout", type=int, default=3600, metavar="SECONDS", help="longest time for one stage (default: 3600)")
    parser.add_argument("--memory", type=int, default=6, metavar="GIB", help="most memory of Yosys, module by module (default: 6)")
    parser.add_argument("--json", metavar="FILE", help="report (default: reports/synth/PRESET.json)")
    arguments = parser.parse_args()
    arguments.targets, arguments.variants = arguments.targets.split(","), arguments.variants.split(",")
    unknown = [t for t in arguments.targets if t not in DEVICES] + [v for v in arguments.variants if v not in ("reuse", "dense")]
    if unknown:
        area.fail(2, f"{', '.join(unknown)}: --targets are {', '.join(DEVICES)}; --variants are reuse, dense")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # through the end of the tool that runs
    config = area.configuration(arguments)
    config.pop("device", None)
    if "design" in config:
        area.fail(2, f"{config['name']} is a {config['design']}: this tool takes sizes of the training accelerator")
    if not config.get("reuse", True):
        arguments.variants = ["dense"]
    flow, results, failed = Flow(arguments), {}, False
    path = Path(arguments.json) if arguments.json else REPORTS / f"{config['name']}.json"
    earlier = json.loads(path.read_text()) if path.exists() else {"targets": {}}
    for target in arguments.targets:
        for variant in arguments.variants:
            options = {"reuse": True, "trace": False} if variant == "reuse" else {"reuse": False, "detectors": 1}
            result = flow.target(target, variant, {**config, **options})
            results.setdefault(target, {})[variant] = result
            failed |= result is None and target != "ice40"
            if result:
                failed |= bool(result["check"])
                for wrong in result["check"]:
                    area.say(f"{config['name']} {target} {variant}: CHECK FAILED: {wrong}")
    found = {t: {v: r for v, r in variants.items() if r} for t, variants in results.items()}
    targets = {t: {**earlier["targets"].get(t, {}), **found.get(t, {})} for t in DEVICES}
    path.parent.mkdir(parents=True, exist_ok=True)
    report = {"preset": config["name"], "tools": {**earlier.get("tools", {}), **flow.versions}, "targets": {t: v for t, v in targets.items() if v}}
    path.write_text(json.dumps(report, indent=1) + "\n")
    table(results)
    print(f"\nwritten: {os.path.relpath(path)}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
