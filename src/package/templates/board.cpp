// The board of forward.c: the Verilated design, driven cycle by cycle. `run.sh c` builds and runs it.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "V{{ top }}.h"

extern "C" {
#include "../driver/mercury_hal.h"
mercury_bus board_open(void);
}

namespace {
V{{ top }} *dut;
std::vector<uint8_t> input, output;
size_t sent;
bool complete;
constexpr size_t BEAT = {{ bus // 8 }};
constexpr int LIMIT = {{ limit }};

// One clock cycle, streams included.
void cycle() {
  dut->clk = 0;
  dut->s_axis_tvalid = sent < input.size();
  dut->s_axis_tlast = sent + BEAT == input.size();
  if (sent < input.size()) std::memcpy(&dut->s_axis_tdata, &input[sent], BEAT);
  dut->m_axis_tready = 1;
  dut->eval();
  if (dut->s_axis_tvalid && dut->s_axis_tready) sent += BEAT;
  if (dut->m_axis_tvalid) {
    const auto *beat = reinterpret_cast<const uint8_t *>(&dut->m_axis_tdata);
    output.insert(output.end(), beat, beat + BEAT);
    complete = complete || dut->m_axis_tlast;
  }
  dut->clk = 1;
  dut->eval();
}

// Clocks until `done`, which is looked at in the low half of the clock.
template <typename Done> void until(const char *what, Done done) {
  for (int i = 0; i < LIMIT; i++) {
    dut->clk = 0;
    dut->eval();
    bool end = done();
    cycle();
    if (end) return;
  }
  std::printf("FAIL: no %s within %d cycles\n", what, LIMIT);
  std::exit(1);
}

uint32_t read_register(void *, uint32_t address) {
  dut->s_axil_araddr = address;
  dut->s_axil_arvalid = 1;
  until("read address", [] { return dut->s_axil_arready; });
  dut->s_axil_arvalid = 0;
  dut->s_axil_rready = 1;
  uint32_t value = 0;
  until("read data", [&] { value = dut->s_axil_rdata; return dut->s_axil_rvalid; });
  dut->s_axil_rready = 0;
  return value;
}

void write_register(void *, uint32_t address, uint32_t value) {
  dut->s_axil_awaddr = address;
  dut->s_axil_wdata = value;
  dut->s_axil_wstrb = 15;
  dut->s_axil_awvalid = dut->s_axil_wvalid = 1;
  until("write", [] { return dut->s_axil_awready && dut->s_axil_wready; });
  dut->s_axil_awvalid = dut->s_axil_wvalid = 0;
  dut->s_axil_bready = 1;
  until("write response", [] { return dut->s_axil_bvalid; });
  dut->s_axil_bready = 0;
}

void send_packet(void *, const uint8_t *packet, size_t bytes) {
  input.assign(packet, packet + bytes);
  sent = 0;
}

long receive_packet(void *, uint8_t *packet, size_t most) {
  until("end of the output packet", [] { return complete; });
  if (output.size() > most) return -1;
  std::memcpy(packet, output.data(), output.size());
  long bytes = static_cast<long>(output.size());
  output.clear();
  complete = false;
  return bytes;
}
} // namespace

extern "C" mercury_bus board_open(void) {
  dut = new V{{ top }};
  dut->rst_n = 0;
  for (int i = 0; i < 4; i++) cycle();
  dut->rst_n = 1;
  return {read_register, write_register, send_packet, receive_packet, nullptr};
}
