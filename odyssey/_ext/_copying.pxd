# How kernels copy arrays. The loops are those of copy.pyx, which is compiled for every level; what
# is compiled once (_layout.pyx) reaches them through this module, too.

# Copies x into out, a new array of the same shape, and tells whether it did: it takes dense results
# and numbers of 1, 2, 4 or 8 bytes.
ctypedef bint (*Copier)(object out, object x) noexcept

# From now on the copier of a level is used.
cdef void use(Copier of_a_level) noexcept

# Fill `out`, a new array, with the elements of x, which has its shape and dtype.
cdef int copy_into(object out, object x) except -1
