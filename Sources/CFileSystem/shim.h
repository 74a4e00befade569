#ifndef PHD_CFILESYSTEM_SHIM_H
#define PHD_CFILESYSTEM_SHIM_H

#include <errno.h>
#include <sys/types.h>

#ifdef __linux__
/* Linux's own, which Swift's C library module does not show. */
extern int fallocate(int descriptor, int mode, off_t offset, off_t bytes);
#endif

/* Has the file system put bytes aside for a file from its start, whose size stays as it is. Returns 0, or -1 with errno. */
static inline int phd_reserve(int descriptor, off_t bytes) {
#ifdef __linux__
  return fallocate(descriptor, 1 /* FALLOC_FL_KEEP_SIZE */, 0, bytes);
#else
  (void)descriptor, (void)bytes;
  errno = ENOTSUP;
  return -1;
#endif
}

#endif
