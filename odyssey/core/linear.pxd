# What linear.py calls as C.

from odyssey.backend cimport kernel
from odyssey.core._broadcast cimport add_up
from odyssey.core._checks cimport as_array
