"""The fast kernels: one Cython source per family, compiled once per instruction-set level.

``matmul.pyx`` becomes ``_ext.baseline.matmul``, ``_ext.v3.matmul`` and
``_ext.v4.matmul``; ``odyssey.fast`` picks the best level that the processor
has. Nothing is imported here, so that reading ``_build_info`` costs nothing.
"""
