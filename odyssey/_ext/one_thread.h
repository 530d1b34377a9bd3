/* A parallel region with one thread is a plain call.
 *
 * GCC's runtime makes a team for it and wakes whoever might wait for that: two system calls, 0.6 us,
 * as much as a small layer takes. The module's own GOMP_parallel, which GCC calls for every region,
 * stands in front of the runtime's; from two threads on it does what that one does.
 */
#ifndef ODYSSEY_ONE_THREAD_H
#define ODYSSEY_ONE_THREAD_H
#if defined(_OPENMP) && defined(__GNUC__) && !defined(__clang__)

void GOMP_parallel_start(void (*body)(void *), void *data, unsigned threads);
void GOMP_parallel_end(void);

__attribute__((visibility("hidden")))
void GOMP_parallel(void (*body)(void *), void *data, unsigned threads, unsigned flags)
{
    (void)flags;
    if (threads == 1) {
        body(data);
        return;
    }
    GOMP_parallel_start(body, data, threads);
    body(data);
    GOMP_parallel_end();
}

#endif
#endif
