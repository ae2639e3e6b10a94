/* A thin layer over the registers of the accelerator: C99, no allocation, no dependency but mercury_regs.h.
 *
 * The board supports it with four functions (struct mercury_bus). Sizes are read from the device, so that one driver serves
 * every bitstream. What packets hold: docs/streams.md.
 */
#ifndef MERCURY_HAL_H
#define MERCURY_HAL_H

#include <stddef.h>
#include <stdint.h>

#include "mercury_regs.h"

/* A field of a value, by its name in mercury_regs.h. */
#define MERCURY_GET(value, field) (((value) >> MERCURY_##field##_SHIFT) & (MERCURY_##field##_MASK >> MERCURY_##field##_SHIFT))

/* What the board brings. `send` queues a packet for s_axis_* and returns at once; `receive` waits for a packet of m_axis_*, up to
 * TLAST, and returns its bytes, or -1 when there is none in time or it is longer than `most`. */
typedef struct {
  uint32_t (*read)(void *board, uint32_t address);
  void (*write)(void *board, uint32_t address, uint32_t value);
  void (*send)(void *board, const uint8_t *packet, size_t bytes);
  long (*receive)(void *board, uint8_t *packet, size_t most);
  void *board;
} mercury_bus;

/* Value of a job register. */
typedef struct {
  uint32_t address, value;
} mercury_register;

/* Sizes of the device. */
typedef struct {
  uint32_t config_hash;
  uint32_t sets, pes, tile;
  uint32_t data_w, acc_w, bus_w;
  uint32_t depth, banks, k_max, weight_words;
  uint32_t mcache_sets, mcache_ways, p_max, sig_w, detectors, list_words; /* 0 without reuse */
} mercury_sizes;

enum {
  MERCURY_OK = 0,
  MERCURY_NO_DEVICE = -1,     /* ID is not that of the accelerator */
  MERCURY_OTHER_VERSION = -2, /* VERSION is not that of mercury_regs.h */
  MERCURY_BUSY = -3,          /* stays busy */
  MERCURY_NO_ANSWER = -4,     /* no packet, or one without a trailer */
  /* above 0: an error code of the device, MERCURY_ERROR_* */
};

/* Reads of STATUS before a device counts as hanging. */
#define MERCURY_PATIENCE 1000

static inline int mercury_wait_idle(const mercury_bus *bus) {
  for (int i = 0; i < MERCURY_PATIENCE; i++)
    if (!MERCURY_GET(bus->read(bus->board, MERCURY_REG_STATUS), STATUS_BUSY)) return MERCURY_OK;
  return MERCURY_BUSY;
}

/* Looks for the accelerator, reads its sizes, and leaves it idle without an error. */
static inline int mercury_open(const mercury_bus *bus, mercury_sizes *sizes) {
  if (bus->read(bus->board, MERCURY_REG_ID) != MERCURY_VALUE_ID) return MERCURY_NO_DEVICE;
  if (bus->read(bus->board, MERCURY_REG_VERSION) != MERCURY_VALUE_VERSION) return MERCURY_OTHER_VERSION;
  uint32_t size[7];
  for (int i = 0; i < 7; i++) size[i] = bus->read(bus->board, MERCURY_REG_SIZE0 + 4u * (uint32_t)i);
  sizes->config_hash = bus->read(bus->board, MERCURY_REG_CONFIG_HASH);
  sizes->sets = MERCURY_GET(size[0], SIZE0_SETS);
  sizes->pes = MERCURY_GET(size[0], SIZE0_PES);
  sizes->tile = MERCURY_GET(size[0], SIZE0_TILE);
  sizes->data_w = MERCURY_GET(size[1], SIZE1_DATA_W);
  sizes->acc_w = MERCURY_GET(size[1], SIZE1_ACC_W);
  sizes->bus_w = MERCURY_GET(size[1], SIZE1_BUS);
  sizes->depth = MERCURY_GET(size[2], SIZE2_DEPTH);
  sizes->banks = MERCURY_GET(size[2], SIZE2_BANKS);
  sizes->k_max = MERCURY_GET(size[2], SIZE2_K_MAX);
  sizes->weight_words = MERCURY_GET(size[3], SIZE3_WEIGHT_WORDS);
  sizes->mcache_sets = MERCURY_GET(size[4], SIZE4_MCACHE_SETS);
  sizes->mcache_ways = MERCURY_GET(size[4], SIZE4_MCACHE_WAYS);
  sizes->p_max = MERCURY_GET(size[5], SIZE5_P_MAX);
  sizes->sig_w = MERCURY_GET(size[5], SIZE5_SIG_W);
  sizes->detectors = MERCURY_GET(size[5], SIZE5_DETECTORS);
  sizes->list_words = MERCURY_GET(size[6], SIZE6_LIST_WORDS);
  if (MERCURY_GET(bus->read(bus->board, MERCURY_REG_STATUS), STATUS_BUSY))
    bus->write(bus->board, MERCURY_REG_CONTROL, MERCURY_CONTROL_ABORT_MASK);
  bus->write(bus->board, MERCURY_REG_CONTROL, MERCURY_CONTROL_CLEAR_ERROR_MASK);
  return mercury_wait_idle(bus);
}

/* Runs one job: registers, packet in, packet out. `*got` becomes the bytes of the answer, trailer included. */
static inline int mercury_run(const mercury_bus *bus, const mercury_sizes *sizes, const mercury_register *registers, size_t count,
                              const uint8_t *packet, size_t bytes, uint8_t *answer, size_t most, size_t *got) {
  for (size_t i = 0; i < count; i++) bus->write(bus->board, registers[i].address, registers[i].value);
  bus->send(bus->board, packet, bytes);
  bus->write(bus->board, MERCURY_REG_CONTROL, MERCURY_CONTROL_START_MASK);
  long received = bus->receive(bus->board, answer, most);
  size_t beat = sizes->bus_w / 8;
  if (received < (long)beat) return MERCURY_NO_ANSWER;
  *got = (size_t)received;
  int idle = mercury_wait_idle(bus);
  if (idle != MERCURY_OK) return idle;
  return (int)bus->read(bus->board, MERCURY_REG_ERROR);
}

/* A counter of the last job, by the address of its low word. */
static inline uint64_t mercury_counter(const mercury_bus *bus, uint32_t address) {
  uint64_t low = bus->read(bus->board, address);
  return low | (uint64_t)bus->read(bus->board, address + 4) << 32;
}

/* The low 64 bits of a beat: headers and trailers. */
static inline uint64_t mercury_word(const uint8_t *beat) {
  uint64_t word = 0;
  for (int i = 7; i >= 0; i--) word = word << 8 | beat[i];
  return word;
}

#endif
