/* oneDNN's C interface, and the OpenMP setting that makes oneDNN's calls single-threaded. */
#ifndef PHD_CONEDNN_SHIM_H
#define PHD_CONEDNN_SHIM_H

#include <oneapi/dnnl/dnnl.h>
#include <oneapi/dnnl/dnnl_debug.h>

#if DNNL_VERSION_MAJOR != 2
#error "oneDNN 2 is needed: install Debian 12's libdnnl-dev"
#endif
#if DNNL_CPU_THREADING_RUNTIME != DNNL_RUNTIME_OMP
#error "a oneDNN built with OpenMP is needed: with another runtime its calls would start their own threads"
#endif

/* Sets the number of threads of the calling thread's parallel regions. Each thread has its own setting. */
void omp_set_num_threads(int count);

#endif
