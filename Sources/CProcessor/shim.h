/* What the compiler and the processor say of vector instructions, and what Swift has no fast operation for. */
#ifndef PHD_CPROCESSOR_SHIM_H
#define PHD_CPROCESSOR_SHIM_H

#include <cpuid.h>
#include <immintrin.h>

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

static inline _Bool phd_has_amx_bf16(void) {
  unsigned a, b, c, d;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && ((d >> 22) & 1) && ((d >> 24) & 1);
}

typedef float phd_floats __attribute__((ext_vector_type(16)));
typedef unsigned phd_words __attribute__((ext_vector_type(16)));
typedef unsigned short phd_halves __attribute__((ext_vector_type(16)));

/* The largest lane; all are numbers. */
static inline __attribute__((always_inline)) float phd_largest(phd_floats x) {
  const __auto_type eight = x.lo > x.hi ? x.lo : x.hi;
  const __auto_type four = eight.lo > eight.hi ? eight.lo : eight.hi;
  const __auto_type two = four.lo > four.hi ? four.lo : four.hi;
  return two.x > two.y ? two.x : two.y;
}

/* One instruction; Swift's conversion of vectors is a call. */
static inline __attribute__((always_inline)) phd_words phd_widen(phd_halves halves) {
  return __builtin_convertvector(halves, phd_words);
}

typedef unsigned phd_eight_words __attribute__((ext_vector_type(8)));
typedef unsigned short phd_eight_halves __attribute__((ext_vector_type(8)));

static inline __attribute__((always_inline)) phd_eight_words phd_widen_eight(phd_eight_halves halves) {
  return __builtin_convertvector(halves, phd_eight_words);
}

/* The nearest bf16, ties to even; NaN stays NaN, quiet, and what is subnormal becomes zero: as the instruction does. */
static inline __attribute__((always_inline)) phd_halves phd_round_bf16(phd_floats floats) {
#if defined(__AVX512BF16__)
  return (phd_halves)_mm512_cvtneps_pbh((__m512)floats);
#else
  const phd_words bits = (phd_words)floats, magnitude = bits & 0x7fffffff;
  phd_words result = bits + 0x7fff + ((bits >> 16) & 1);
  result = magnitude > 0x7f800000 ? bits | 0x400000 : result;
  result = magnitude < 0x00800000 ? bits & 0x80000000 : result;
  return __builtin_convertvector(result >> 16, phd_halves);
#endif
}

/* sums + a · b, lane by lane: a lane of a and of b is two bf16, whose two products are both added. */
static inline __attribute__((always_inline)) phd_floats phd_dot_bf16(phd_floats sums, phd_words a, phd_words b) {
#if defined(__AVX512BF16__)
  return (phd_floats)_mm512_dpbf16_ps((__m512)sums, (__m512bh)a, (__m512bh)b);
#else
  const phd_words upper = 0xffff0000;
  sums += (phd_floats)(a << 16) * (phd_floats)(b << 16);
  return sums + (phd_floats)(a & upper) * (phd_floats)(b & upper);
#endif
}

/* Asks for the cache line at an address that will be read soon, into the second cache; any address will do. */
static inline __attribute__((always_inline)) void phd_prefetch_far(const void *address) {
  __builtin_prefetch(address, 0, 2);
}

static inline _Bool phd_built_with_avx512_bf16(void) {
#if defined(__AVX512BF16__)
  return 1;
#else
  return 0;
#endif
}

#endif
