# Which instruction-set levels this processor (and the operating system, which must save the wide
# registers) can run.

cdef extern from "cpu.h" nogil:
    bint cpu_has_v3()
    bint cpu_has_v4()


def supports(level):
    """Return whether the kernels compiled for ``level`` can run here."""
    if level == "v3":
        return cpu_has_v3()
    if level == "v4":
        return cpu_has_v3() and cpu_has_v4()
    return level == "baseline"
