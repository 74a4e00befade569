#ifndef PHD_ALLOCATION_COUNTER_H
#define PHD_ALLOCATION_COUNTER_H

/* In a program that links this, malloc and its kin, and mmap, count the requests of 64 KiB and more. */

/* How many there were so far. */
long phd_large_allocations(void);

#endif
