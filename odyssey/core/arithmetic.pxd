# What arithmetic.py calls as C.

from odyssey.core._broadcast cimport unbroadcast
from odyssey.core._floats cimport binary
