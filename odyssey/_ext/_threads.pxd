# How many threads a kernel may use: every kernel module cimports this one function, so that all of
# them, at every instruction-set level, obey the same number.

cdef extern from "one_thread.h":    # a region of one costs nothing
    pass

cdef int num_threads() noexcept nogil
