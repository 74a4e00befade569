/* Queries of the compiler's and the processor's vector instructions, and operations that are slow in Swift. */
#ifndef PHD_CPROCESSOR_SHIM_H
#define PHD_CPROCESSOR_SHIM_H

/* What is particular to x86 stands behind this guard. On other processors the queries answer no, and the operations are
 * plain C. */
#if defined(__x86_64__)
#define PHD_X86 1
#include <cpuid.h>
#include <immintrin.h>
#endif

/* phd_built_with_…: instructions that the compiler may use in the importing module.
 * phd_has_…: instructions of this processor. */

static inline _Bool phd_built_with_avx512(void) {
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
  return 1;
#else
  return 0;
#endif
}

/* Whether a multiply-add with one rounding is an instruction: on x86 with FMA, and on every 64-bit Arm. */
static inline _Bool phd_built_with_fma(void) {
#if defined(__FMA__) || defined(__aarch64__)
  return 1;
#else
  return 0;
#endif
}

#if defined(PHD_X86)

/* XCR0, the registers that the system saves: mask 6 for SSE and AVX, mask 0xe6 for AVX-512. */
static inline unsigned phd_saved_registers(void) {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & (1u << 27))) return 0;
  unsigned low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

/* AVX2 and FMA, and what came with them and a compiler uses too: F16C, MOVBE, LZCNT, BMI1 and BMI2. */
static inline _Bool phd_has_avx2(void) {
  unsigned a, b, c, d;
  if ((phd_saved_registers() & 6) != 6) return 0;
  __get_cpuid(1, &a, &b, &c, &d);
  const _Bool fma = ((c >> 12) & 1) && ((c >> 22) & 1) && ((c >> 29) & 1);
  const _Bool lzcnt = __get_cpuid(0x80000001, &a, &b, &c, &d) && ((c >> 5) & 1);
  return fma && lzcnt && __get_cpuid_count(7, 0, &a, &b, &c, &d) && ((b >> 5) & 1) && ((b >> 3) & 1) && ((b >> 8) & 1);
}

static inline _Bool phd_has_avx512(void) {
  unsigned a, b, c, d;
  if ((phd_saved_registers() & 0xe6) != 0xe6) return 0;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
  return ((b >> 16) & 1) && ((b >> 17) & 1) && ((b >> 28) & 1) && ((b >> 30) & 1) && ((b >> 31) & 1);
}

/* AVX512-BF16, and the VNNI that came with it. */
static inline _Bool phd_has_avx512_bf16(void) {
  unsigned a, b, c, d;
  if (!phd_has_avx512() || !__get_cpuid_count(7, 0, &a, &b, &c, &d) || !((c >> 11) & 1)) return 0;
  return __get_cpuid_count(7, 1, &a, &b, &c, &d) && ((a >> 5) & 1);
}

static inline _Bool phd_has_amx_bf16(void) {
  unsigned a, b, c, d;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && ((d >> 22) & 1) && ((d >> 24) & 1);
}

#else

static inline _Bool phd_has_avx2(void) { return 0; }
static inline _Bool phd_has_avx512(void) { return 0; }
static inline _Bool phd_has_avx512_bf16(void) { return 0; }
static inline _Bool phd_has_amx_bf16(void) { return 0; }

#endif

typedef float phd_floatx16 __attribute__((ext_vector_type(16)));
typedef unsigned phd_uint32x16 __attribute__((ext_vector_type(16)));
typedef unsigned short phd_uint16x16 __attribute__((ext_vector_type(16)));

/* The largest lane; no lane may be NaN. */
static inline __attribute__((always_inline)) float phd_max_lane(phd_floatx16 x) {
  const __auto_type eight = x.lo > x.hi ? x.lo : x.hi;
  const __auto_type four = eight.lo > eight.hi ? eight.lo : eight.hi;
  const __auto_type two = four.lo > four.hi ? four.lo : four.hi;
  return two.x > two.y ? two.x : two.y;
}

/* One instruction. Swift's conversion of vectors is a function call. */
static inline __attribute__((always_inline)) phd_uint32x16 phd_widen(phd_uint16x16 bits) {
  return __builtin_convertvector(bits, phd_uint32x16);
}

/* sum + a · b with one rounding, without the instruction.
 *
 * A product of two floats is exact as a double. The sum of doubles is rounded, and rounding it again to a float gives
 * another result than one rounding only if it lies exactly between two floats: its last 29 bits are then 1 and zeros. (For
 * results so small that they are subnormal, the place of these bits differs.) Such lanes, which are rare, are left to the
 * C library. */
#define PHD_FUSED(NAME, LANES)                                                                                 \
  typedef float NAME##_floats __attribute__((ext_vector_type(LANES)));                                         \
  typedef double NAME##_doubles __attribute__((ext_vector_type(LANES)));                                       \
  typedef unsigned long NAME##_bits __attribute__((ext_vector_type(LANES)));                                   \
  static inline __attribute__((always_inline)) NAME##_floats NAME(                                             \
      NAME##_floats sum, NAME##_floats a, NAME##_floats b) {                                                   \
    const NAME##_doubles exact = __builtin_convertvector(a, NAME##_doubles) * __builtin_convertvector(b, NAME##_doubles); \
    const NAME##_doubles sums = exact + __builtin_convertvector(sum, NAME##_doubles);                          \
    const NAME##_bits bits = (NAME##_bits)sums, magnitude = bits & 0x7fffffffffffffff;                         \
    const NAME##_bits doubtful = (NAME##_bits)(((bits & 0x1fffffff) == 0x10000000) |                           \
                                               ((magnitude < 0x3810000000000000) & (magnitude != 0)));         \
    NAME##_floats result = __builtin_convertvector(sums, NAME##_floats);                                       \
    if (__builtin_reduce_or(doubtful))                                                                         \
      for (int lane = 0; lane < LANES; lane++)                                                                 \
        if (doubtful[lane]) result[lane] = __builtin_fmaf(a[lane], b[lane], sum[lane]);                        \
    return result;                                                                                             \
  }

PHD_FUSED(phd_fused, 16)
PHD_FUSED(phd_fused_eight, 8)

typedef unsigned phd_uint32x8 __attribute__((ext_vector_type(8)));
typedef unsigned short phd_uint16x8 __attribute__((ext_vector_type(8)));

static inline __attribute__((always_inline)) phd_uint32x8 phd_widen_eight(phd_uint16x8 bits) {
  return __builtin_convertvector(bits, phd_uint32x8);
}

/* The nearest bf16, ties to even. NaN becomes a quiet NaN, and subnormals become zero, as with the instruction. */
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

/* sums + a · b: each 32-bit lane of a and of b is two bf16, whose two products are added to the lane of sums. One
 * instruction; call it only if phd_built_with_avx512_bf16. */
static inline __attribute__((always_inline)) phd_floatx16 phd_dot_bf16(
    phd_floatx16 sums, phd_uint32x16 a, phd_uint32x16 b) {
#if defined(__AVX512BF16__)
  return (phd_floatx16)_mm512_dpbf16_ps((__m512)sums, (__m512bh)a, (__m512bh)b);
#else
  __builtin_trap();
#endif
}

/* Prefetches the cache line of an address into L2. The address may be invalid. */
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
