/* Peak rate of one core's multiply-adds: AVX-512 in fp32, and AVX512-BF16 pairs, with twelve sums in registers.
 *
 *     cc -O2 -march=native Benchmarks/peak.c -o .build/peak && .build/peak
 */
#define _POSIX_C_SOURCE 199309L
#include <immintrin.h>
#include <stdio.h>
#include <time.h>

#define SUMS 12
#define TURNS 50000000L

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec + 1e-9 * now.tv_nsec;
}

static float total(const __m512 *sums) {
  float total = 0;
  for (int i = 0; i < SUMS; i++) total += _mm512_reduce_add_ps(sums[i]);
  return total;
}

int main(void) {
  __m512 sums[SUMS];
  for (int i = 0; i < SUMS; i++) sums[i] = _mm512_setzero_ps();
  __m512 a = _mm512_set1_ps(0.5f);
  double start = seconds();
  for (long turn = 0; turn < TURNS; turn++) {
#pragma GCC unroll 12
    for (int i = 0; i < SUMS; i++) sums[i] = _mm512_fmadd_ps(a, a, sums[i]);
    __asm__ volatile("" : "+v"(a));
  }
  printf("fp32 %.1f GFLOP/s (sum %g)\n", TURNS * SUMS * 32.0 / (seconds() - start) / 1e9, total(sums));

#ifdef __AVX512BF16__
  for (int i = 0; i < SUMS; i++) sums[i] = _mm512_setzero_ps();
  __m512bh b = (__m512bh)_mm512_set1_epi32(0x3f003f00);
  start = seconds();
  for (long turn = 0; turn < TURNS; turn++) {
#pragma GCC unroll 12
    for (int i = 0; i < SUMS; i++) sums[i] = _mm512_dpbf16_ps(sums[i], b, b);
    __asm__ volatile("" : "+v"(b));
  }
  printf("bf16 %.1f GFLOP/s (sum %g)\n", TURNS * SUMS * 64.0 / (seconds() - start) / 1e9, total(sums));
#endif
  return 0;
}
