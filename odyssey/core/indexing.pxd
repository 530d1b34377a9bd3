# What indexing.py calls as C.

from odyssey.core._checks cimport as_array
