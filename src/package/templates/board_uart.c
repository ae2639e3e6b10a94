/* The board of forward.c behind a serial line: that of a real board, or of the simulation ulx3s_sim, named by MERCURY_UART.
 *   cc -o forward forward.c board_uart.c && MERCURY_UART=/dev/ttyUSB0 ./forward
 */
#define _DEFAULT_SOURCE
#include <stdio.h>
#include <stdlib.h>

#include "../driver/mercury_uart.h"

mercury_bus board_open(void);

mercury_bus board_open(void) {
  static mercury_uart uart;
  const char *path = getenv("MERCURY_UART");
  if (!path || mercury_uart_open(&uart, path) != 0) {
    printf("FAIL: no board on %s: name its serial line with MERCURY_UART=\n", path ? path : "no line");
    exit(1);
  }
  return mercury_uart_bus(&uart);
}
