# The number of threads of all kernels. A plain variable and two plain functions: what is a sensible
# number, and what happens after a fork, is decided by odyssey/threads.py.

cdef int count = 1


cdef int num_threads() noexcept nogil:
    return count


def get_num_threads():
    """Return how many threads the kernels may use."""
    return count


def set_num_threads(n):
    """Let the kernels use ``n`` threads."""
    global count
    count = n
