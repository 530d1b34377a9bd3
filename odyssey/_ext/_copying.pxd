# How kernels copy arrays. The loops are those of copy.pyx, which is compiled for every level; what is
# compiled once (_layout.pyx) reaches them through this module, too.

# Copies `x` into `out`, an array of the same shape and dtype, and tells whether it did; if not, out
# is as it was.
ctypedef bint (*Copier)(object out, object x) noexcept

# From now on the copier of a level is used.
cdef void use(Copier of_a_level) noexcept

# Fill `out` with the elements of x, which has its shape and dtype, whatever their layouts.
cdef int copy_into(object out, object x) except -1
