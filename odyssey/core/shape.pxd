# What shape.py calls as C.

from odyssey.core._broadcast cimport unbroadcast
from odyssey.core._checks cimport as_array, normalize_axes, normalize_axis
