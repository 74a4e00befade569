/* Peak rate of one core's multiply-adds in registers, for each set of instructions that the processor has.
 *
 *     cc -O2 Benchmarks/peak.c -o .build/peak && .build/peak
 *
 * Each loop adds to independent sums, enough to hide the latency of a multiply-add. The sums start with different values,
 * because a compiler merges equal ones. Rates are the best of several timings.
 */
#define _POSIX_C_SOURCE 199309L
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SUMS 12
#define TURNS 10000000L
#define TIMINGS 5

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec + 1e-9 * now.tv_nsec;
}

/* Defines NAME, a function that returns the seconds of one operation. It adds TURNS times to each of SUMS registers of
 * type TYPE. ADD is one addition, computed from `sums[i]`, `a` and `b`: OPERATIONS operations. TARGET is the attribute
 * that allows its instructions, and CONSTRAINT the compiler's letter for such registers. */
#define LOOP(NAME, TARGET, TYPE, OPERATIONS, CONSTRAINT, ADD)                            \
  TARGET static double NAME(float *result) {                                            \
    float start[16], factors[2][16];                                                    \
    TYPE sums[SUMS], a, b;                                                              \
    for (int lane = 0; lane < 16; lane++) factors[0][lane] = 0.5f, factors[1][lane] = 0.25f; \
    memcpy(&a, factors[0], sizeof a);                                                   \
    memcpy(&b, factors[1], sizeof b);                                                   \
    for (int i = 0; i < SUMS; i++) {                                                    \
      for (int lane = 0; lane < 16; lane++) start[lane] = (float)i;                     \
      memcpy(&sums[i], start, sizeof sums[i]);                                          \
    }                                                                                   \
    const double before = seconds();                                                    \
    for (long turn = 0; turn < TURNS; turn++) {                                         \
      _Pragma("GCC unroll 12") for (int i = 0; i < SUMS; i++) sums[i] = ADD;            \
      __asm__ volatile("" : CONSTRAINT(a), CONSTRAINT(b));                              \
    }                                                                                   \
    const double after = seconds();                                                     \
    *result = 0;                                                                        \
    for (int i = 0; i < SUMS; i++) {                                                    \
      memcpy(start, &sums[i], sizeof sums[i]);                                          \
      *result += start[0];                                                              \
    }                                                                                   \
    return (after - before) / ((double)TURNS * SUMS * (OPERATIONS));                    \
  }

/* Prints the rate of a loop. */
static void report(const char *name, double (*loop)(float *)) {
  double best = 1e9;
  float result = 0;
  for (int timing = 0; timing < TIMINGS; timing++) {
    const double time = loop(&result);
    if (time < best) best = time;
  }
  printf("%-12s %.1f GFLOP/s (sum %g)\n", name, 1e-9 / best, result);
}

#if defined(__x86_64__)
#include <immintrin.h>

LOOP(avx2, __attribute__((target("avx2,fma"))), __m256, 16, "+x", _mm256_fmadd_ps(a, b, sums[i]))
LOOP(avx512, __attribute__((target("avx512f"))), __m512, 32, "+v", _mm512_fmadd_ps(a, b, sums[i]))
LOOP(avx512bf16, __attribute__((target("avx512f,avx512bf16"))), __m512, 64, "+v",
     _mm512_dpbf16_ps(sums[i], (__m512bh)a, (__m512bh)b))

int main(void) {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) report("avx2", avx2);
  if (__builtin_cpu_supports("avx512f")) report("avx512", avx512);
  if (__builtin_cpu_supports("avx512bf16")) report("avx512bf16", avx512bf16);
  return 0;
}
#else
typedef float vector __attribute__((vector_size(16)));

LOOP(portable, , vector, 8, "+w", sums[i] + a * b)

int main(void) {
  report("portable", portable);
  return 0;
}
#endif
