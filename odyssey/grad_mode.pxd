# What odyssey/grad_mode.py offers to compiled code.

cpdef object is_grad_enabled()
