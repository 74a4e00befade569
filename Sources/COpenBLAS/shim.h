/* OpenBLAS. */
#ifndef PHD_COPENBLAS_SHIM_H
#define PHD_COPENBLAS_SHIM_H

#include <cblas.h>

#endif
