# What _floats.py offers to compiled code.

from odyssey.backend cimport kernel


cdef bint _is_float(object dtype) except -1
cpdef bint has_kernel(object x) except -1
cpdef tuple one_dtype(object x, object y)
cpdef object binary(object op, object ufunc, object x, object y)
