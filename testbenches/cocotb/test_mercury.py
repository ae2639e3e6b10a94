"""Cocotb 2 example: runs the jobs of a package on its Verilog and compares every output beat.

    gen-verilog --preset tiny --package
    pip install cocotb
    python3 testbenches/cocotb/test_mercury.py packages/tiny        (SIM=icarus, the default, or SIM=verilator)

Exit code 0 if all jobs are right. Vectors are those of the package's own testbench.
"""
import json
import os
import sys
from pathlib import Path

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, ReadOnly, RisingEdge, with_timeout

PACKAGE = Path(os.environ.get("MERCURY_PACKAGE") or (sys.argv[1] if len(sys.argv) > 1 else "packages/tiny")).resolve()


def vectors(job, what):
    """Numbers of a file of vectors."""
    return [int(line, 16) for line in (PACKAGE / f"testbench/vectors/job{job}_{what}.hex").read_text().split()]


def macro(name):
    """A number of the C header."""
    header = (PACKAGE / "driver/mercury_regs.h").read_text()
    line = next(line for line in header.splitlines() if line.startswith(f"#define MERCURY_{name} "))
    return int(line.split()[2].rstrip("u"), 0)


async def handshake(dut, ready):
    """Waits until a clock edge at which `ready` is 1."""
    while True:
        await FallingEdge(dut.clk)
        await ReadOnly()
        if ready.value == 1:
            await RisingEdge(dut.clk)
            return


async def write(dut, address, value):
    await FallingEdge(dut.clk)
    dut.s_axil_awaddr.value, dut.s_axil_wdata.value, dut.s_axil_wstrb.value = address, value, 15
    dut.s_axil_awvalid.value = dut.s_axil_wvalid.value = dut.s_axil_bready.value = 1
    await RisingEdge(dut.clk)
    while dut.s_axil_awready.value != 1:
        await RisingEdge(dut.clk)
    dut.s_axil_awvalid.value = dut.s_axil_wvalid.value = 0
    await handshake(dut, dut.s_axil_bvalid)
    assert dut.s_axil_bresp.value == 0, f"write of {address:#x} was refused"


async def read(dut, address):
    await FallingEdge(dut.clk)
    dut.s_axil_araddr.value, dut.s_axil_arvalid.value, dut.s_axil_rready.value = address, 1, 1
    await RisingEdge(dut.clk)
    while dut.s_axil_arready.value != 1:
        await RisingEdge(dut.clk)
    dut.s_axil_arvalid.value = 0
    while True:
        await FallingEdge(dut.clk)
        if dut.s_axil_rvalid.value == 1:
            break
    value = int(dut.s_axil_rdata.value)
    await RisingEdge(dut.clk)
    return value


async def send(dut, beats):
    """Sends a packet."""
    for i, beat in enumerate(beats):
        await FallingEdge(dut.clk)
        dut.s_axis_tdata.value, dut.s_axis_tvalid.value, dut.s_axis_tlast.value = beat, 1, i + 1 == len(beats)
        await RisingEdge(dut.clk)
        while dut.s_axis_tready.value != 1:
            await RisingEdge(dut.clk)
    await FallingEdge(dut.clk)
    dut.s_axis_tvalid.value = 0


async def receive(dut):
    """Receives a packet."""
    beats = []
    dut.m_axis_tready.value = 1
    while True:
        await RisingEdge(dut.clk)
        if dut.m_axis_tvalid.value == 1:
            beats.append(int(dut.m_axis_tdata.value))
            if dut.m_axis_tlast.value == 1:
                return beats


@cocotb.test()
async def jobs(dut):
    cocotb.start_soon(Clock(dut.clk, 10, "ns").start())
    for name in ["s_axil_awvalid", "s_axil_wvalid", "s_axil_bready", "s_axil_arvalid", "s_axil_rready",
                 "s_axis_tvalid", "m_axis_tready", "rst_n"]:
        getattr(dut, name).value = 0
    for _ in range(4):
        await FallingEdge(dut.clk)
    dut.rst_n.value = 1
    assert await read(dut, macro("REG_ID")) == macro("VALUE_ID")
    count = len(list((PACKAGE / "testbench/vectors").glob("job*_input.hex")))
    for job in range(count):
        for register in vectors(job, "registers"):
            await write(dut, register >> 32, register & 0xFFFFFFFF)
        sending = cocotb.start_soon(send(dut, vectors(job, "input")))
        receiving = cocotb.start_soon(receive(dut))
        await write(dut, macro("REG_CONTROL"), macro("CONTROL_START_MASK"))
        found = await with_timeout(receiving, 10, "ms")
        await with_timeout(sending, 1, "ms")
        expected = vectors(job, "output")
        assert found == expected, f"job {job}: output beats differ"
        dut._log.info("job %d of %d: %d beats out, all right", job + 1, count, len(found))


def main():
    from cocotb_tools.check_results import get_results
    from cocotb_tools.runner import get_runner

    os.environ["MERCURY_PACKAGE"] = str(PACKAGE)
    manifest = json.loads((PACKAGE / "manifest.json").read_text())
    runner, build = get_runner(os.environ.get("SIM", "icarus")), PACKAGE / "testbench/cocotb_build"
    runner.build(sources=[PACKAGE / f for f in manifest["files"]], hdl_toplevel=manifest["top"], build_dir=build, timescale=("1ns", "1ps"), always=True)
    results = runner.test(hdl_toplevel=manifest["top"], test_module="test_mercury", test_dir=Path(__file__).parent, build_dir=build)
    tests, failed = get_results(results)
    sys.exit(0 if tests and not failed else 1)


if __name__ == "__main__":
    main()
