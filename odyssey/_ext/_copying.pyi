# Nothing that Python sees: the kernels reach it in C.
