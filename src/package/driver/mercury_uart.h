/* The host's side of a board's serial link: the four functions of mercury_hal.h over a POSIX terminal.
 *
 *   mercury_uart uart;
 *   if (mercury_uart_open(&uart, "/dev/ttyUSB0") != 0) ...
 *   mercury_bus bus = mercury_uart_bus(&uart);
 *
 * Commands and answers: docs/synthesis.md. Every wait has an end; after one that was too long `failed` is set, reads give 0
 * and packets are not received.
 */
#ifndef MERCURY_UART_H
#define MERCURY_UART_H

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "mercury_hal.h"

/* Milliseconds that a byte may take. */
#define MERCURY_UART_MS 5000
/* Requests without a beat in or out before a job counts as hanging. */
#define MERCURY_UART_PATIENCE 10000
/* Bytes of the largest beat. */
#define MERCURY_UART_BEAT 64

enum { MERCURY_UART_READ = 1, MERCURY_UART_WRITE, MERCURY_UART_SEND, MERCURY_UART_RECEIVE, MERCURY_UART_STATUS, MERCURY_UART_CLEAR };

typedef struct {
  int file;
  int failed;
  size_t beat; /* bytes of a beat */
  const uint8_t *packet;
  size_t bytes, sent;
} mercury_uart;

/* Writes `out` and reads `in` bytes of the answer; 0 if it came. */
static inline int mercury_uart_ask(mercury_uart *uart, const uint8_t *out, size_t sends, uint8_t *in, size_t answers) {
  struct pollfd poller = {uart->file, 0, 0};
  while (sends + answers > 0 && !uart->failed) {
    poller.events = sends ? POLLOUT : POLLIN;
    if (poll(&poller, 1, MERCURY_UART_MS) != 1) {
      uart->failed = 1;
      break;
    }
    ssize_t moved = sends ? write(uart->file, out, sends) : read(uart->file, in, answers);
    if (moved <= 0) {
      uart->failed = 1;
    } else if (sends) {
      out += moved;
      sends -= (size_t)moved;
    } else {
      in += moved;
      answers -= (size_t)moved;
    }
  }
  return uart->failed ? -1 : 0;
}

static inline uint32_t mercury_uart_read(void *board, uint32_t address) {
  mercury_uart *uart = (mercury_uart *)board;
  uint8_t command[3] = {MERCURY_UART_READ, (uint8_t)address, (uint8_t)(address >> 8)}, answer[5] = {0};
  if (mercury_uart_ask(uart, command, sizeof command, answer, sizeof answer) != 0) return 0;
  return answer[1] | (uint32_t)answer[2] << 8 | (uint32_t)answer[3] << 16 | (uint32_t)answer[4] << 24;
}

static inline void mercury_uart_write(void *board, uint32_t address, uint32_t value) {
  mercury_uart *uart = (mercury_uart *)board;
  uint8_t answer, command[7] = {MERCURY_UART_WRITE, (uint8_t)address, (uint8_t)(address >> 8), (uint8_t)value,
                                (uint8_t)(value >> 8), (uint8_t)(value >> 16), (uint8_t)(value >> 24)};
  mercury_uart_ask(uart, command, sizeof command, &answer, 1);
}

/* Sends as many beats of the packet as the board has room for; -1 if it does not answer. */
static inline int mercury_uart_feed(mercury_uart *uart, size_t room) {
  size_t left = (uart->bytes - uart->sent) / uart->beat;
  size_t beats = room < left ? room : left;
  uint8_t command[3 + 255 * MERCURY_UART_BEAT], answer;
  if (beats > 255) beats = 255;
  if (beats == 0) return 0;
  command[0] = MERCURY_UART_SEND;
  command[1] = (uint8_t)beats;
  command[2] = beats == left;
  memcpy(command + 3, uart->packet + uart->sent, beats * uart->beat);
  if (mercury_uart_ask(uart, command, 3 + beats * uart->beat, &answer, 1) != 0 || answer != 0) return -1;
  uart->sent += beats * uart->beat;
  return (int)beats;
}

static inline void mercury_uart_send(void *board, const uint8_t *packet, size_t bytes) {
  mercury_uart *uart = (mercury_uart *)board;
  uart->packet = packet;
  uart->bytes = bytes;
  uart->sent = 0;
}

/* Feeds what `send` queued and takes what comes, until a packet ends. */
static inline long mercury_uart_receive(void *board, uint8_t *packet, size_t most) {
  mercury_uart *uart = (mercury_uart *)board;
  size_t got = 0;
  for (int patience = MERCURY_UART_PATIENCE; patience > 0; patience--) {
    uint8_t status = MERCURY_UART_STATUS, counts[4];
    if (mercury_uart_ask(uart, &status, 1, counts, 4) != 0) return -1;
    int fed = mercury_uart_feed(uart, counts[0] | (size_t)counts[1] << 8);
    if (fed < 0) return -1;
    if (fed > 0) patience = MERCURY_UART_PATIENCE;
    if (counts[2] == 0 && counts[3] == 0) continue;
    uint8_t take[2] = {MERCURY_UART_RECEIVE, 64}, beats;
    if (mercury_uart_ask(uart, take, 2, &beats, 1) != 0) return -1;
    for (int i = 0; i < beats; i++) {
      uint8_t beat[MERCURY_UART_BEAT + 1];
      if (mercury_uart_ask(uart, NULL, 0, beat, uart->beat + 1) != 0 || got + uart->beat > most) return -1;
      memcpy(packet + got, beat, uart->beat);
      got += uart->beat;
      if (beat[uart->beat]) return (long)got;
    }
    patience = MERCURY_UART_PATIENCE;
  }
  return -1;
}

/* Opens a serial line, or the simulation's; 0 if a board answers, else -1. */
static inline int mercury_uart_open(mercury_uart *uart, const char *path) {
  struct termios line;
  memset(uart, 0, sizeof *uart);
  uart->file = open(path, O_RDWR | O_NOCTTY);
  if (uart->file < 0 || tcgetattr(uart->file, &line) != 0) return -1;
  line.c_iflag = line.c_oflag = line.c_lflag = 0;
  line.c_cflag = CS8 | CREAD | CLOCAL;
  line.c_cc[VMIN] = 1;
  line.c_cc[VTIME] = 0;
#ifdef B1000000
  cfsetispeed(&line, B1000000);
  cfsetospeed(&line, B1000000);
#endif
  if (tcsetattr(uart->file, TCSANOW, &line) != 0) return -1;
  uint8_t clear = MERCURY_UART_CLEAR, answer = 1;
  if (mercury_uart_ask(uart, &clear, 1, &answer, 1) != 0 || answer != 0) return -1;
  uart->beat = MERCURY_GET(mercury_uart_read(uart, MERCURY_REG_SIZE1), SIZE1_BUS) / 8;
  return uart->beat == 0 || uart->beat > MERCURY_UART_BEAT || uart->failed ? -1 : 0;
}

static inline mercury_bus mercury_uart_bus(mercury_uart *uart) {
  mercury_bus bus = {mercury_uart_read, mercury_uart_write, mercury_uart_send, mercury_uart_receive, uart};
  return bus;
}

#endif
