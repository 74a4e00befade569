#ifndef PHD_CMALLOC_SHIM_H
#define PHD_CMALLOC_SHIM_H

#include <malloc.h>

/* Bytes that the process has allocated and not freed, large (mapped) ones included. */
static inline long phd_allocated_bytes(void) {
  struct mallinfo2 info = mallinfo2();
  return (long)(info.uordblks + info.hblkhd);
}

#endif
