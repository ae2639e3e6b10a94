// The board as a simulation: board/ulx3s.v, Verilated, with its serial line on a pseudo terminal. Prints the terminal's name, which
// a host program opens like the board's; ends when no byte came for a minute, or with an argument when the host hangs up.
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include "Vulx3s.h"

namespace {
constexpr int BIT = {{ bit_clocks }}; // clock cycles
constexpr int QUIET = 60;             // seconds

// A pseudo terminal that passes every byte as it is.
int terminal() {
  int file = posix_openpt(O_RDWR | O_NOCTTY);
  termios line;
  if (file < 0 || grantpt(file) || unlockpt(file) || tcgetattr(file, &line)) return -1;
  line.c_iflag = line.c_oflag = line.c_lflag = 0;
  line.c_cflag = CS8 | CREAD | CLOCAL;
  tcsetattr(file, TCSANOW, &line);
  fcntl(file, F_SETFL, O_NONBLOCK);
  return file;
}
} // namespace

int main(int count, char **) {
  int file = terminal();
  if (file < 0) return std::perror("pseudo terminal"), 1;
  std::printf("%s\n", ptsname(file));
  std::fflush(stdout);
  Vulx3s board;
  board.ftdi_txd = board.btn_pwr_n = 1;
  int send_left = 0, send_timer = 0, receive_left = 0, receive_timer = 0;
  unsigned sending = 0, receiving = 0;
  std::time_t last = std::time(nullptr);
  bool spoken = false;
  for (uint64_t cycle = 0;; cycle++) {
    board.clk_25mhz = 0;
    board.eval();
    board.clk_25mhz = 1;
    board.eval();
    // To the board: a start bit, eight data bits, a stop bit.
    if (send_left == 0 && cycle % 64 == 0) {
      uint8_t byte;
      ssize_t got = read(file, &byte, 1);
      if (got == 1) {
        sending = 0x200u | byte << 1;
        send_left = 10;
        send_timer = 0;
        spoken = true;
        last = std::time(nullptr);
      } else if (spoken && count > 1 && errno == EIO) {
        return 0; // the host has hung up
      }
    }
    if (send_left > 0 && send_timer-- == 0) {
      board.ftdi_txd = sending & 1;
      sending >>= 1;
      send_left--;
      send_timer = BIT - 1;
    }
    if (send_left == 0 && send_timer > 0) send_timer--;
    // From the board, each bit in its middle.
    if (receive_left == 0 && !board.ftdi_rxd) {
      receive_left = 10;
      receive_timer = BIT / 2;
    }
    if (receive_left > 0 && receive_timer-- == 0) {
      receiving = receiving >> 1 | (board.ftdi_rxd ? 0x200u : 0u);
      receive_timer = BIT - 1;
      if (--receive_left == 0) {
        uint8_t byte = static_cast<uint8_t>(receiving >> 1);
        if (!(receiving & 0x200u)) return std::printf("FAIL: a byte without stop bit\n"), 1;
        if (write(file, &byte, 1) != 1) return std::perror("pseudo terminal"), 1;
      }
    }
    if (cycle % 1000000 == 0 && std::time(nullptr) - last > QUIET) return 0;
  }
}
