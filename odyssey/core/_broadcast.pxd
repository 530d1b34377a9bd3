# What _broadcast.py offers to compiled code.

cpdef object unbroadcast(object grad, object shape)
cpdef object add_up(object x, object axes, object keepdims=*)
