#ifndef PHD_CFILESYSTEM_SHIM_H
#define PHD_CFILESYSTEM_SHIM_H

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <sys/syscall.h>
#include <sys/types.h>

#ifdef __linux__
/* A Linux function that Swift's C library module does not export. */
extern int fallocate(int descriptor, int mode, off_t offset, off_t bytes);
#endif

/* Reserves space for the first bytes of a file without changing its size. Returns 0, or -1 with errno. */
static inline int phd_reserve(int descriptor, off_t bytes) {
#ifdef __linux__
  return fallocate(descriptor, 1 /* FALLOC_FL_KEEP_SIZE */, 0, bytes);
#else
  (void)descriptor, (void)bytes;
  errno = ENOTSUP;
  return -1;
#endif
}

/* Renames a file to a name that is free. Returns 0, or -1 with errno, EEXIST if the name is taken. On file systems without
   an atomic operation, checks the name first. */
static inline int phd_rename_to_free_name(const char *path, const char *name) {
#if defined(__linux__) && defined(SYS_renameat2)
  if (syscall(SYS_renameat2, -100 /* AT_FDCWD */, path, -100, name, 1 /* RENAME_NOREPLACE */) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return -1;
#endif
  struct stat status;
  if (lstat(name, &status) == 0) {
    errno = EEXIST;
    return -1;
  }
  return errno == ENOENT ? rename(path, name) : -1;
}

#endif
