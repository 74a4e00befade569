#ifndef PHD_COPENBLAS_SHIM_H
#define PHD_COPENBLAS_SHIM_H

#include <cblas.h>

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

#endif
