/* OpenBLAS, and what the compiler and the processor say of vector instructions. */
#ifndef PHD_COPENBLAS_SHIM_H
#define PHD_COPENBLAS_SHIM_H

#include <cblas.h>
#include <cpuid.h>

/* What the compiler was allowed to use when the importing module was built, and what this processor has. */

static inline _Bool phd_built_with_avx512(void) {
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
  return 1;
#else
  return 0;
#endif
}

static inline _Bool phd_built_with_avx2(void) {
#if defined(__AVX2__) && defined(__FMA__)
  return 1;
#else
  return 0;
#endif
}

/* The registers that the system saves: XCR0's bits for SSE and AVX (6), and for AVX-512 (0xe6). */
static inline unsigned phd_saved_registers(void) {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & (1u << 27))) return 0;
  unsigned low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

static inline _Bool phd_has_avx2(void) {
  unsigned a, b, c, d;
  if ((phd_saved_registers() & 6) != 6) return 0;
  __get_cpuid(1, &a, &b, &c, &d);
  const _Bool fma = (c >> 12) & 1;
  return fma && __get_cpuid_count(7, 0, &a, &b, &c, &d) && ((b >> 5) & 1);
}

static inline _Bool phd_has_avx512(void) {
  unsigned a, b, c, d;
  if ((phd_saved_registers() & 0xe6) != 0xe6) return 0;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
  return ((b >> 16) & 1) && ((b >> 17) & 1) && ((b >> 30) & 1) && ((b >> 31) & 1);
}

static inline _Bool phd_has_avx512_bf16(void) {
  unsigned a, b, c, d;
  return phd_has_avx512() && __get_cpuid_count(7, 1, &a, &b, &c, &d) && ((a >> 5) & 1);
}

#endif
