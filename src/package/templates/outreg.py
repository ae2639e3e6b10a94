#!/usr/bin/env python3
"""Moves registers behind block RAM into it: python3 outreg.py NETLIST.json [OUT.json], between Yosys and nextpnr-ecp5.

ECP5's block RAM DP16KD has a register behind each output, which Yosys leaves unused: what the RAM reads then takes 5.7 ns to
leave it, and the flip-flop that waits for it may lie anywhere. Here the flip-flops behind a port become that register if
there is one behind each bit in use, nothing else reads the bit, and they have the port's clock, no enable, no reset and the
initial value 0. Without OUT.json the netlist is changed in place. Exit codes: 0 good, 2 bad usage.
"""
import json
import sys
from collections import defaultdict


def readers(module):
    """For each wire its readers: (cell, port), or (None, port) for a port of the module."""
    found = defaultdict(list)
    for name, cell in module["cells"].items():
        for port, direction in cell["port_directions"].items():
            if direction != "output":
                for bit in cell["connections"].get(port, []):
                    found[bit].append((name, port))
    for name, port in module["ports"].items():
        if port["direction"] != "input":
            for bit in port["bits"]:
                found[bit].append((None, name))
    return found


def is_plain(cell, clock):
    """A flip-flop with this clock, without enable and reset, that starts as 0."""
    parameters, wires = cell["parameters"], cell["connections"]
    return (
        cell["type"] == "TRELLIS_FF"
        and parameters.get("CEMUX", "1").strip() == "1"
        and parameters.get("CLKMUX", "CLK") == "CLK"
        and parameters.get("REGSET", "RESET") == "RESET"
        and wires.get("LSR", ["0"]) == ["0"]
        and wires["CLK"] == clock
    )


def behind(module, found, ram, port):
    """The flip-flops behind the outputs of a RAM's port, by output; None if they cannot move into it."""
    wires = ram["connections"]
    if wires.get(f"CE{port}") != ["1"] or ram["parameters"].get(f"CLK{port}MUX") != f"CLK{port}":
        return None
    registers = {}
    for output in (name for name in wires if name.startswith(f"DO{port}")):
        at = found.get(wires[output][0], [])
        if not at:
            continue
        name, pin = at[0]
        if len(at) > 1 or name is None or pin != "DI" or not is_plain(module["cells"][name], wires[f"CLK{port}"]):
            return None
        registers[output] = name
    return registers


def move(module):
    """Moves what it can; returns the number of ports and of flip-flops."""
    found, ports, registers = readers(module), 0, 0
    for ram in [c for c in module["cells"].values() if c["type"] == "DP16KD"]:
        for port in "AB":
            moved = behind(module, found, ram, port)
            if not moved:
                continue
            for output, name in moved.items():
                ram["connections"][output] = module["cells"].pop(name)["connections"]["Q"]
            ram["parameters"][f"REGMODE_{port}"] = "OUTREG"
            ram["connections"][f"OCE{port}"] = ["1"]
            ports, registers = ports + 1, registers + len(moved)
    return ports, registers


def main(arguments):
    if not 1 <= len(arguments) <= 2 or arguments[0].startswith("-"):
        print(__doc__.strip(), file=sys.stderr)
        return 0 if arguments in (["-h"], ["--help"]) else 2
    try:
        with open(arguments[0]) as file:
            netlist = json.load(file)
        tops = [m for m in netlist["modules"].values() if int(str(m.get("attributes", {}).get("top", "0")), 2)]
    except (OSError, ValueError, KeyError) as error:
        print(f"{arguments[0]}: {error}: give a netlist that Yosys wrote as JSON", file=sys.stderr)
        return 2
    for module in tops:
        ports, registers = move(module)
        print(f"{registers} flip-flops moved into {ports} block RAM ports")
    with open(arguments[-1], "w") as file:
        json.dump(netlist, file)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
