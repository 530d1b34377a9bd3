# What activation.py calls as C.

from odyssey.backend cimport kernel
from odyssey.core._checks cimport as_array, normalize_axis
