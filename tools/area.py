#!/usr/bin/env python3
"""Measures the area of an accelerator with Yosys, block by block, and what reuse adds to the dense array.

Every distinct module of the generated Verilog is synthesised once, with its submodules as black boxes, and its cells are
multiplied by the number of its instances: 168 PEs cost the time of one. No optimisation crosses a module boundary, and LUTs
are counted as cells, before a placer packs two small ones into one: the numbers are upper bounds that compare well with each
other. Results are kept in target/area/, keyed by the module's text and the version of Yosys: a second run, or a
configuration that shares modules with one measured before, is quick.

The dense array is the same configuration with `reuse = false`; a block's overhead is what it takes beyond that. Designs for
fully connected layers (crew, dense_fc) and tensor cores (acrtc, dense_tc) are measured as they are.
"""
import argparse
import fcntl
import hashlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "target" / "area"

EPILOG = """\
columns
  LUT     look-up tables that compute (LUT1-6 and INV of xc7; LUT4 and two for each CCU2C of ecp5)
  LUTRAM  look-up tables used as memory or shift register
  FF      flip-flops
  DSP     DSP48E1 or MULT18X18D
  RAM18   block RAM of 18 kbit: RAMB18E1, twice the RAMB36E1; or DP16KD

examples
  tools/area.py                                              preset small, with its split into dense array and reuse
  tools/area.py --preset paper --json paper.json             also everything measured, module by module, as JSON
  tools/area.py --preset paper --set sets=6 --set pes=28 --set detectors=3
  tools/area.py --preset ecp5 --family ecp5
  tools/area.py --preset small --module rpq                  one module: its cells, as Yosys names them

exit codes: 0 good, 1 a module could not be synthesised, 2 bad usage or configuration, 3 missing tool.
Yosys is .tools/bin/yosys (`make tools`), or what YOSYS names; one process runs at a time, also of several runs."""

SYNTH = {
    "xc7": "synth_xilinx -family xc7 -noiopad -noclkbuf",
    "ecp5": "synth_ecp5 -noflatten",
}
# Characters of Verilog that one process synthesises.
BATCH = 40_000
COLUMNS = ["LUT", "LUTRAM", "FF", "DSP", "RAM18"]
# What one cell takes.
CELLS = {
    **{f"LUT{n}": {"LUT": 1} for n in range(1, 7)},
    "INV": {"LUT": 1},
    **dict.fromkeys(["FDRE", "FDSE", "FDCE", "FDPE", "TRELLIS_FF"], {"FF": 1}),
    **dict.fromkeys(["SRL16E", "SRLC32E", "RAM32X1S", "RAM64X1S"], {"LUTRAM": 1}),
    **dict.fromkeys(["RAM32X1D", "RAM64X1D", "RAM128X1S"], {"LUTRAM": 2}),
    **dict.fromkeys(["RAM32M", "RAM64M", "RAM128X1D", "RAM256X1S"], {"LUTRAM": 4}),
    "RAM256X1D": {"LUTRAM": 8},
    "TRELLIS_DPR16X4": {"LUTRAM": 6},  # 4 hold the words, 2 carry the write port
    **dict.fromkeys(["DSP48E1", "MULT18X18D"], {"DSP": 1}),
    **dict.fromkeys(["RAMB18E1", "DP16KD", "PDPW16KD"], {"RAM18": 1}),
    "RAMB36E1": {"RAM18": 2},
    "CCU2C": {"LUT": 2},
    # Part of a slice whose look-up tables are counted, or no hardware.
    **dict.fromkeys(["CARRY4", "MUXF7", "MUXF8", "MUXF9", "PFUMX", "L6MUX21", "GND", "VCC", "$scopeinfo"], {}),
}
# The part of the accelerator that a module belongs to, with everything in it that has no part of its own.
PARTS = {
    "detector": "detector",
    "detect_front": "detector",
    "set_reuse": "Hitmap and walker",
    "hitmap": "Hitmap and walker",
    "item_walker": "Hitmap and walker",
    "list_reader": "Hitmap and walker",
    "pe": "PEs",
    "mcache_data": "MCACHE data in PEs",
    "feature_buffer": "feature buffer",
    "drain": "drain",
}
OTHERS = "control and wiring"


def fail(code, message):
    print(f"{Path(sys.argv[0]).name}: {message}", file=sys.stderr)
    sys.exit(code)


def say(message):
    print(message, file=sys.stderr, flush=True)


def configuration(arguments):
    """The configuration asked for, as a dictionary of the TOML file's keys."""
    path = Path(arguments.config) if arguments.config else ROOT / "configs" / f"{arguments.preset}.toml"
    try:
        config = tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        fail(2, f"{path}: {error}; give --preset one of configs/, or --config a TOML file")
    for item in arguments.set:
        key, _, value = item.partition("=")
        try:
            value = json.loads(value)
        except json.JSONDecodeError:
            fail(2, f"--set {item}: expected KEY=NUMBER, KEY=true or KEY=false")
        *table, key = key.split(".")
        (config.setdefault(table[0], {}) if table else config)[key] = value
        config.pop("device", None)  # its limits are those of the sizes as they were
    return config


def toml(config):
    tables = [k for k in config if isinstance(config[k], dict)]
    lines = [f"{k} = {json.dumps(v)}" for k, v in config.items() if k not in tables]
    for name in tables:
        lines += [f"[{name}]", *(f"{k} = {json.dumps(v)}" for k, v in config[name].items())]
    return "\n".join(lines) + "\n"


def verilog_folder(config):
    """Where the Verilog of a configuration goes."""
    return WORK / "verilog" / hashlib.sha256(toml(config).encode()).hexdigest()[:12]


def program(name):
    """The command that runs a program of the project: what GEN_VERILOG or MERCURY names, or `cargo run`."""
    if built := os.environ.get(name.upper().replace("-", "_")):
        return [built]
    if not shutil.which("cargo"):
        fail(3, "cargo is missing: install Rust, https://rustup.rs")
    return ["cargo", "run", "--release", "--quiet", "--bin", name, "--"]


def generate(config):
    """Generates the Verilog: the name of the top module, and the text of every module."""
    text, folder = toml(config), verilog_folder(config)
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / "config.toml"
    source.write_text(text)
    done = subprocess.run([*program("gen-verilog"), "--quiet", "--config", source, "--out", folder], cwd=ROOT)
    if done.returncode:
        fail(done.returncode, f"gen-verilog refused {source}")
    design = folder / config["name"]
    manifest = json.loads((design / "manifest.json").read_text())
    files = [design / name for name in manifest["files"]]
    # Comments carry the configuration's hash and no hardware.
    return manifest["top"], {f.stem: re.sub(r"//.*", "", f.read_text()) for f in files}


class Yosys:
    """Synthesises modules, one process at a time, and keeps what it measured."""

    def __init__(self, arguments):
        self.program = os.environ.get("YOSYS") or str(ROOT / ".tools/bin/yosys")
        if not shutil.which(self.program):
            fail(3, f"{self.program} is missing: run `make tools`, or name a Yosys with YOSYS=")
        version = subprocess.run([self.program, "-V"], capture_output=True, text=True)
        self.family, self.timeout, self.memory = arguments.family, arguments.timeout, arguments.memory
        self.version = version.stdout.split(" (")[0].strip()
        (WORK / "cells").mkdir(parents=True, exist_ok=True)

    def cells(self, texts, wanted):
        """Cells of the modules `wanted` by type, submodules among them; None where Yosys failed or took too long."""
        kept = {name: self.kept(name, texts) for name in wanted}
        found = {}
        for batch in batches({name: texts[name] for name in wanted if not kept[name].exists()}):
            found |= self.measured(batch, texts)
        for name, cells in found.items():
            if cells is not None:
                kept[name].write_text(json.dumps({"module": name, "cells": cells}))
        return {name: found[name] if name in found else json.loads(kept[name].read_text())["cells"] for name in wanted}

    def kept(self, name, texts):
        """The file that keeps a module's cells."""
        key = [self.version, SYNTH[self.family], texts[name], *heads(inside(texts[name], texts), texts)]
        return WORK / "cells" / f"{hashlib.sha256(chr(0).join(key).encode()).hexdigest()[:20]}.json"

    def measured(self, batch, texts):
        """Cells of the modules of `batch`, from one process; where that fails, one process each."""
        with open(WORK / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            started = time.monotonic()
            result = self.synthesise(batch, texts)
        say(f"{time.monotonic() - started:>7.1f} s  {'' if result else 'NOT MEASURED '}{', '.join(batch)}")
        if result is None and len(batch) > 1:
            result = {}
            for name in batch:
                result |= self.measured([name], texts)
        return result or {name: None for name in batch}

    def synthesise(self, batch, texts):
        # Yosys as WebAssembly sees its own folder only, and loses its standard output after `abc`.
        folder = WORK / "run"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        boxes = {m for name in batch for m in inside(texts[name], texts)} - set(batch)
        (folder / "boxes.v").write_text("".join(heads(sorted(boxes), texts)))
        top = "".join(f"(* keep *) {name} instance_{i} ();\n" for i, name in enumerate(batch))
        (folder / "modules.v").write_text("".join(texts[name] for name in batch) + f"module area_top;\n{top}endmodule\n")
        script = (
            f"read_verilog -lib boxes.v; read_verilog modules.v; {SYNTH[self.family]} -top area_top; "
            "tee -o stat.json stat -json"
        )
        limit = self.memory << 30
        with open(folder / "log", "w") as log:
            process = subprocess.Popen(
                [self.program, "-q", "-p", script],
                cwd=folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)),
            )
            try:
                status = process.wait(self.timeout)
            except BaseException as stop:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                if not isinstance(stop, subprocess.TimeoutExpired):
                    raise
                say(f"stopped after {self.timeout} s (--timeout)")
                return None
        if status:
            say((folder / "log").read_text()[-2000:])
            return None
        modules = json.loads((folder / "stat.json").read_text())["modules"]
        return {name: modules["\\" + name]["num_cells_by_type"] for name in batch}


def inside(text, texts):
    """The modules that a module of this text mentions: its submodules, maybe more."""
    words = set(re.findall(r"\w+", text))
    own = re.search(r"module (\w+)", text).group(1)
    return sorted(m for m in texts if m in words and m != own)


def without_lut_ram(text):
    """Verilog for a family that has no LUT RAM: such memories may become flip-flops."""
    return text.replace('(* ram_style = "distributed" *)', "")


def heads(names, texts):
    """These modules' ports, without what is in them."""
    return [texts[m][: texts[m].index(");") + 2] + "\nendmodule\n" for m in names]


def batches(texts):
    """Small modules together, up to BATCH characters of Verilog: most of a small one's time is Yosys' own libraries'."""
    batch, size = [], 0
    for name, text in texts.items():
        if batch and size + len(text) > BATCH:
            yield batch
            batch, size = [], 0
        batch, size = [*batch, name], size + len(text)
    if batch:
        yield batch


class Design:
    """An accelerator, measured: `own[module]` is the area of one instance without its submodules."""

    def __init__(self, config, yosys):
        self.config = config
        self.top, texts = generate(config)
        say(f"{config['name']}: {len(texts)} modules, {yosys.family}, {yosys.version}")
        self.cells = yosys.cells(texts, list(texts))
        self.missing = sorted(name for name in texts if self.cells[name] is None)
        self.own = {name: self.area(name, cells or {}) for name, cells in self.cells.items()}
        self.count, self.part = Counter(), {}
        self.parts = {}
        self.walk(self.top, 1, OTHERS)

    def area(self, name, cells):
        total = Counter(dict.fromkeys(COLUMNS, 0))
        for kind, number in cells.items():
            if kind in self.cells:
                continue
            if kind not in CELLS:
                fail(1, f"{name} has {number} cells {kind}, which this tool cannot count: add it to CELLS")
            for column, each in CELLS[kind].items():
                total[column] += each * number
        return total

    def walk(self, name, count, part):
        """Adds `count` instances of `name` and of all that is in them."""
        part = PARTS.get(name, part)
        self.count[name] += count
        self.part.setdefault(name, part)
        area = self.parts.setdefault(part, Counter())
        for column, number in self.own[name].items():
            area[column] += count * number
        for kind, number in (self.cells[name] or {}).items():
            if kind in self.cells:
                self.walk(kind, count * number, part)

    def total(self):
        return sum(self.parts.values(), Counter())


def row(name, instances, area):
    return f"{name:<28}{instances:>7}" + "".join(f"{area[c]:>9,}" for c in COLUMNS)


def print_modules(design):
    print(f"{'module (without submodules)':<28}{'count':>7}" + "".join(f"{c:>9}" for c in COLUMNS))
    weight = lambda m: design.count[m] * (design.own[m]["LUT"] + design.own[m]["FF"])
    for name in sorted(design.own, key=weight, reverse=True):
        count = design.count[name]
        print(row(name, count, {c: count * design.own[name][c] for c in COLUMNS}))
    print(row("all", 1, design.total()))


def split(design, dense):
    """Area of the dense array, and of what each part takes beyond it."""
    rows = {"dense array": dense.total()}
    for part in [*dict.fromkeys(PARTS.values()), OTHERS]:
        here, there = design.parts.get(part, Counter()), dense.parts.get(part, Counter())
        rows[part] = {c: here[c] - there[c] for c in COLUMNS}
    added = {c: design.total()[c] - dense.total()[c] for c in COLUMNS}
    return {**rows, "reuse, all": added}


def print_split(rows):
    dense = rows["dense array"]
    print(f"\n{'beyond the dense array':<28}{'':>7}" + "".join(f"{c:>9}{'':>8}" for c in COLUMNS))
    for name, area in rows.items():
        # A dense array has nearly no LUT RAM: a share of it says nothing.
        said = [c for c in COLUMNS if name != "dense array" and dense[c] and c != "LUTRAM"]
        share = lambda c: f"{area[c] / dense[c]:>+8.1%}" if c in said else " " * 8
        print(f"{name:<28}{'':>7}" + "".join(f"{area[c]:>9,}{share(c)}" for c in COLUMNS))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--preset", default="small", help="sizes: a file of configs/ (default: small)")
    which.add_argument("--config", metavar="FILE", help="sizes, from a TOML file")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE",
                        help="another value of a key, as sets=6 or mcache.ways=8; may be repeated, drops the key device")
    parser.add_argument("--family", choices=SYNTH, default="xc7", help="Virtex-7 (xc7, default) or ECP5 (ecp5)")
    parser.add_argument("--module", metavar="NAME", help="measure one module only and show its cells")
    parser.add_argument("--json", metavar="FILE", help="write everything measured as JSON, - for standard output instead of tables")
    parser.add_argument("--timeout", type=int, default=480, metavar="SECONDS", help="longest time for one module (default: 480)")
    parser.add_argument("--memory", type=int, default=6, metavar="GIB", help="most memory of Yosys (default: 6)")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # through Yosys' own end, see synthesise()

    config = configuration(arguments)
    yosys = Yosys(arguments)
    if arguments.module:
        _, texts = generate(config)
        if arguments.module not in texts:
            fail(2, f"no module {arguments.module}: choose one of {', '.join(sorted(texts))}")
        cells = yosys.cells(texts, [arguments.module])[arguments.module]
        print(json.dumps(cells, indent=2))
        sys.exit(1 if cells is None else 0)

    design = Design(config, yosys)
    rows = None
    missing = design.missing
    if "design" not in config and config.get("reuse", True):
        dense = Design({**config, "reuse": False, "detectors": 1}, yosys)
        rows, missing = split(design, dense), sorted({*missing, *dense.missing})
    if arguments.json:
        result = {
            "config": config,
            "family": yosys.family,
            "yosys": yosys.version,
            "not_measured": missing,
            "total": design.total(),
            "split": rows,
            "modules": {
                name: {"count": design.count[name], "part": design.part.get(name), **own}
                for name, own in design.own.items()
            },
        }
        text = json.dumps(result, indent=2) + "\n"
        if arguments.json == "-":
            sys.stdout.write(text)
        else:
            Path(arguments.json).write_text(text)
    if arguments.json != "-":
        print_modules(design)
        if rows:
            print_split(rows)
    if missing:
        fail(1, f"not measured, and missing in the sums: {', '.join(missing)}")


if __name__ == "__main__":
    main()
