# What odyssey/backend.py offers to compiled code.

cpdef object kernel(name)
cpdef object current()
