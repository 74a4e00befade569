/* oneDNN's C interface, and the OpenMP setting that keeps its calls on the thread that makes them. */
#ifndef PHD_CONEDNN_SHIM_H
#define PHD_CONEDNN_SHIM_H

#include <oneapi/dnnl/dnnl.h>
#include <oneapi/dnnl/dnnl_debug.h>

#if DNNL_VERSION_MAJOR != 2
#error "oneDNN's interface of version 2 is needed (Debian 12's libdnnl-dev has it)"
#endif
#if DNNL_CPU_THREADING_RUNTIME != DNNL_RUNTIME_OMP
#error "a oneDNN built with OpenMP is needed: with another runtime its calls would start threads of their own"
#endif

/* How many threads the calling thread's parallel regions take: a setting of each thread, not of the process. */
void omp_set_num_threads(int count);

#endif
