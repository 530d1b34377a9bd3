# What _broadcast.py offers to compiled code.

from odyssey.backend cimport kernel
from odyssey.core._floats cimport has_kernel

cpdef object unbroadcast(object grad, object shape)
cpdef object add_up(object x, object axes, object keepdims=*)
