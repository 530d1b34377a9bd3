/* Memory from the operating system, and back to it at once, for the pool of arrays.
 *
 * Small blocks come from malloc, which wastes no pages on them and may keep what it gets back. From
 * MAPPED bytes on a block is a mapping of its own, which goes back to the system when it is freed;
 * huge pages make a large one cheaper to touch for the first time.
 *
 * Data of mappings begin on a page. Where a kernel reads x and writes y, and y lies a little ahead
 * of x in its page, processors that compare only the low 12 bits of addresses take each load for
 * one that must wait for the last store (measured: 1.6 times as long for a copy). malloc puts large
 * arrays 16 bytes into a page, so that results which begin on the page itself lie behind those and
 * level with each other.
 */
#ifndef ODYSSEY_PAGES_H
#define ODYSSEY_PAGES_H

#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAPPED ((size_t)1 << 16)
#define HUGE_PAGES ((size_t)1 << 22)
#define PAGE 4096  /* the alignment of data; where pages are larger, mappings have more */
#define HEADER 64

/* `bytes` at a multiple of 64, and HEADER bytes in front of them for the caller's notes; NULL when
 * there are none. */
static inline char *pages_new(size_t bytes)
{
    if (bytes < MAPPED) {
        char *p = aligned_alloc(64, (HEADER + bytes + 63) / 64 * 64);
        return p ? p + HEADER : NULL;
    }
    char *p = mmap(NULL, PAGE + bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return NULL;
#ifdef MADV_HUGEPAGE
    if (bytes >= HUGE_PAGES) madvise(p, PAGE + bytes, MADV_HUGEPAGE);
#endif
    return p + PAGE;
}

static inline void pages_free(char *data, size_t bytes)
{
    if (bytes < MAPPED) free(data - HEADER);
    else munmap(data - PAGE, PAGE + bytes);
}

/* The memory of the machine in bytes. */
static inline size_t pages_all(void)
{
    return (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE);
}

#endif
