/* OpenBLAS, loaded at its first use.
 *
 * If a program is linked with OpenBLAS, the library starts a thread for each processor before `main`, and a signal ends
 * the program if the system cannot start them. Loaded with OPENBLAS_NUM_THREADS=1, it starts none. The functions have
 * OpenBLAS's own names and are for the common build with 32-bit indices. */
#ifndef PHD_COPENBLAS_SHIM_H
#define PHD_COPENBLAS_SHIM_H

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

typedef int blasint;
enum CBLAS_ORDER { CblasRowMajor = 101, CblasColMajor = 102 };
enum CBLAS_TRANSPOSE { CblasNoTrans = 111, CblasTrans = 112 };
typedef enum CBLAS_ORDER CBLAS_ORDER;
typedef enum CBLAS_TRANSPOSE CBLAS_TRANSPOSE;

/* The library; null if it cannot be loaded. Further calls are cheap. It may be called from several threads. */
static inline void *phd_openblas(void) {
  static void *library = 0;
  void *found = __atomic_load_n(&library, __ATOMIC_ACQUIRE);
  if (found) return found;
  const char *threads = getenv("OPENBLAS_NUM_THREADS");
  if (!threads || strcmp(threads, "1")) setenv("OPENBLAS_NUM_THREADS", "1", 1);
  found = dlopen("libopenblas.so.0", RTLD_NOW);
  if (!found) found = dlopen("libopenblas.so", RTLD_NOW);
  __atomic_store_n(&library, found, __ATOMIC_RELEASE);
  return found;
}

/* A function of the library. Aborts the process if it is missing: call phd_openblas_problem first. */
static inline void *phd_openblas_function(const char *name) {
  void *library = phd_openblas();
  void *function = library ? dlsym(library, name) : 0;
  if (!function) abort();
  return function;
}

/* The loader's message if the library cannot be used; null if it can. */
static inline const char *phd_openblas_problem(void) {
  void *library = phd_openblas();
  if (!library) {
    /* Reports the error for the library's usual name, not for the alternative name. */
    dlopen("libopenblas.so.0", RTLD_NOW);
    return dlerror();
  }
  const char *names[] = {"cblas_sgemm", "openblas_set_num_threads", "openblas_get_corename", "openblas_get_config"};
  for (int index = 0; index < 4; index++) {
    dlerror();
    if (!dlsym(library, names[index])) return dlerror();
  }
  return 0;
}

static inline void openblas_set_num_threads(int count) {
  ((void (*)(int))phd_openblas_function("openblas_set_num_threads"))(count);
}

static inline char *openblas_get_corename(void) {
  return ((char *(*)(void))phd_openblas_function("openblas_get_corename"))();
}

static inline char *openblas_get_config(void) {
  return ((char *(*)(void))phd_openblas_function("openblas_get_config"))();
}

static inline void cblas_sgemm(
    CBLAS_ORDER order, CBLAS_TRANSPOSE a_is, CBLAS_TRANSPOSE b_is, blasint rows, blasint columns, blasint inner,
    float alpha, const float *a, blasint a_stride, const float *b, blasint b_stride, float beta, float *c,
    blasint c_stride) {
  typedef void (*multiply)(
      CBLAS_ORDER, CBLAS_TRANSPOSE, CBLAS_TRANSPOSE, blasint, blasint, blasint, float, const float *, blasint,
      const float *, blasint, float, float *, blasint);
  static void *known = 0;
  void *function = __atomic_load_n(&known, __ATOMIC_RELAXED);
  if (!function) {
    function = phd_openblas_function("cblas_sgemm");
    __atomic_store_n(&known, function, __ATOMIC_RELAXED);
  }
  ((multiply)function)(order, a_is, b_is, rows, columns, inner, alpha, a, a_stride, b, b_stride, beta, c, c_stride);
}

#endif
