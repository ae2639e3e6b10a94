/* From reset to the forward pass of one layer: find the device, run a job, read the result, compare with plain loops.
 *
 * The packet in layer.h is what the planner makes of the layer's operands (docs/streams.md); everything else is here. `board_open`
 * is the board's: board.cpp implements it on the Verilated design. `run.sh c` builds and runs both. Exit code 0 if the result is right.
 */
#include <inttypes.h>
#include <stdio.h>

#include "../driver/mercury_hal.h"
#include "layer.h"

#ifdef __cplusplus
extern "C"
#endif
mercury_bus board_open(void);

#define SIDE(size) ((size) + 2 * LAYER_PADDING - LAYER_KERNEL + 1)

/* y[f][row][column], as every textbook has it. */
static int64_t expected(int f, int row, int column) {
  int64_t sum = 0;
  for (int c = 0; c < LAYER_CHANNELS; c++)
    for (int i = 0; i < LAYER_KERNEL; i++)
      for (int j = 0; j < LAYER_KERNEL; j++) {
        int y = row + i - LAYER_PADDING, x = column + j - LAYER_PADDING;
        if (y < 0 || y >= LAYER_HEIGHT || x < 0 || x >= LAYER_WIDTH) continue;
        sum += (int64_t)layer_x[(c * LAYER_HEIGHT + y) * LAYER_WIDTH + x] *
               layer_w[((f * LAYER_CHANNELS + c) * LAYER_KERNEL + i) * LAYER_KERNEL + j];
      }
  return sum;
}

/* Where the rows behind a header belong. */
static const layer_part *find_part(uint64_t header) {
  for (size_t i = 0; i < sizeof layer_parts / sizeof *layer_parts; i++)
    if (layer_parts[i].set == MERCURY_GET(header, OUT_HEADER_SET) && layer_parts[i].tag == MERCURY_GET(header, OUT_HEADER_TAG) &&
        layer_parts[i].pass == MERCURY_GET(header, OUT_HEADER_PASS))
      return &layer_parts[i];
  return NULL;
}

int main(void) {
  mercury_bus bus = board_open();
  mercury_sizes sizes;
  int status = mercury_open(&bus, &sizes);
  if (status != MERCURY_OK) {
    printf("FAIL: no accelerator, status %d\n", status);
    return 1;
  }
  printf("%" PRIu32 " x %" PRIu32 " PEs, streams of %" PRIu32 " bits, configuration %08" PRIx32 "\n", sizes.sets, sizes.pes,
         sizes.bus_w, sizes.config_hash);

  static uint8_t answer[LAYER_RESULT_BYTES];
  size_t bytes = 0, beat = sizes.bus_w / 8;
  status = mercury_run(&bus, &sizes, job_registers, sizeof job_registers / sizeof *job_registers, job_packet, sizeof job_packet,
                       answer, sizeof answer, &bytes);
  if (status != MERCURY_OK) {
    printf("FAIL: the job ended with status %d\n", status);
    return 1;
  }

  /* Drained rows: a header, then for each position of the tile the sums of the filters, 64 bits each, in whole beats. */
  int differences = 0, results = 0;
  size_t at = 0;
  while (at + beat <= bytes) {
    uint64_t header = mercury_word(answer + at);
    at += beat;
    if (MERCURY_GET(header, OUT_HEADER_KIND) != 1) break;
    const layer_part *part = find_part(header);
    if (!part || MERCURY_GET(header, OUT_HEADER_ROWS_M1) + 1 != (uint64_t)part->rows * part->columns) {
      printf("FAIL: rows that nobody asked for, header %016" PRIx64 "\n", header);
      return 1;
    }
    size_t row_bytes = (part->filters * 8 + beat - 1) / beat * beat;
    for (int position = 0; position < part->rows * part->columns && at + row_bytes <= bytes; position++, at += row_bytes)
      for (int i = 0; i < part->filters; i++, results++) {
        int64_t sum = (int64_t)mercury_word(answer + at + 8 * (size_t)i);
        int f = part->filter + i, row = part->row + position / part->columns, column = part->column + position % part->columns;
        int64_t wish = expected(f, row, column);
        if (sum != wish && differences++ < 10)
          printf("filter %d, row %d, column %d: %" PRId64 ", expected %" PRId64 "\n", f, row, column, sum, wish);
      }
  }
  int wish = LAYER_FILTERS * SIDE(LAYER_HEIGHT) * SIDE(LAYER_WIDTH);
  int good = differences == 0 && results == wish;
  printf("%s: %d of %d results, %d differences, %" PRIu64 " cycles\n", good ? "PASS" : "FAIL", results, wish, differences,
         mercury_counter(&bus, MERCURY_REG_CYCLES_LO));
  return good ? 0 : 1;
}
