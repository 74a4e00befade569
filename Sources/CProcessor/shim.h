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

typedef float phd_floatx16 __attribute__((ext_vector_type(16)));
typedef unsigned phd_uint32x16 __attribute__((ext_vector_type(16)));
typedef unsigned short phd_uint16x16 __attribute__((ext_vector_type(16)));

/* The largest lane; all are numbers. */
static inline __attribute__((always_inline)) float phd_max_lane(phd_floatx16 x) {
  const __auto_type eight = x.lo > x.hi ? x.lo : x.hi;
  const __auto_type four = eight.lo > eight.hi ? eight.lo : eight.hi;
  const __auto_type two = four.lo > four.hi ? four.lo : four.hi;
  return two.x > two.y ? two.x : two.y;
}

/* One instruction; Swift's conversion of vectors is a call. */
static inline __attribute__((always_inline)) phd_uint32x16 phd_widen(phd_uint16x16 halves) {
  return __builtin_convertvector(halves, phd_uint32x16);
}

typedef unsigned phd_uint32x8 __attribute__((ext_vector_type(8)));
typedef unsigned short phd_uint16x8 __attribute__((ext_vector_type(8)));

static inline __attribute__((always_inline)) phd_uint32x8 phd_widen_eight(phd_uint16x8 halves) {
  return __builtin_convertvector(halves, phd_uint32x8);
}

/* The nearest bf16, ties to even; NaN stays NaN, quiet, and what is subnormal becomes zero: as the instruction does. */
static inline __attribute__((always_inline)) phd_uint16x16 phd_round_bf16(phd_floatx16 floats) {
#if defined(__AVX512BF16__)
  return (phd_uint16x16)_mm512_cvtneps_pbh((__m512)floats);
#else
  const phd_uint32x16 bits = (phd_uint32x16)floats, magnitude = bits & 0x7fffffff;
  phd_uint32x16 result = bits + 0x7fff + ((bits >> 16) & 1);
  result = magnitude > 0x7f800000 ? bits | 0x400000 : result;
  result = magnitude < 0x00800000 ? bits & 0x80000000 : result;
  return __builtin_convertvector(result >> 16, phd_uint16x16);
#endif
}

/* sums + a · b, lane by lane: a lane of a and of b is two bf16, whose two products are both added. */
static inline __attribute__((always_inline)) phd_floatx16 phd_dot_bf16(phd_floatx16 sums, phd_uint32x16 a, phd_uint32x16 b) {
#if defined(__AVX512BF16__)
  return (phd_floatx16)_mm512_dpbf16_ps((__m512)sums, (__m512bh)a, (__m512bh)b);
#else
  const phd_uint32x16 upper = 0xffff0000;
  sums += (phd_floatx16)(a << 16) * (phd_floatx16)(b << 16);
  return sums + (phd_floatx16)(a & upper) * (phd_floatx16)(b & upper);
#endif
}

/* Asks for the cache line at an address that will be read soon, into the second cache; any address will do. */
static inline __attribute__((always_inline)) void phd_prefetch_l2(const void *address) {
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
