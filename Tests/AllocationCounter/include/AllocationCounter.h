#ifndef PHD_ALLOCATION_COUNTER_H
#define PHD_ALLOCATION_COUNTER_H

/* In a program that links this library, malloc and related functions and mmap count requests of 64 KiB and more. */

/* The number of such requests so far. */
long phd_large_allocations(void);

#endif
