# The one way in which kernels copy: by copy.pyx, and by NumPy what that does not take.
#
# odyssey.fast imports the modules of one level, and so chooses the copier. Where a test imports
# another level after it, that one's copier takes over: a copy is the same at every level.

cimport numpy as cnp

cdef extern from "numpy/arrayobject.h":
    int PyArray_CopyInto(cnp.ndarray destination, cnp.ndarray source) except -1

cnp.import_array()

cdef Copier copier = NULL


cdef void use(Copier of_a_level) noexcept:
    global copier
    copier = of_a_level


cdef int copy_into(object out, object x) except -1:
    if copier == NULL or not copier(out, x):
        PyArray_CopyInto(out, x)
    return 0
