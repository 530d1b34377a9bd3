# What kernel_checks.py offers to compiled code.

cpdef tuple check_needs(object op, object needs, object count)
