# What matrix.py calls as C.

from odyssey.backend cimport kernel
from odyssey.core._broadcast cimport unbroadcast
from odyssey.core._checks cimport as_array, normalize_axes, normalize_axis
from odyssey.core._floats cimport has_kernel
