# Uninitialised arrays for the results of kernels. Large ones stand on memory that the pool has
# handed out before. All need the GIL; all raise MemoryError, naming the size, if there is none.

from numpy cimport npy_intp

# The bytes of a number of the dtypes that kernels give and copy, 8 at most; 0 for any other dtype,
# whose arrays stand on NumPy's memory.
cdef size_t item_size(int typenum) noexcept

# In C order.
cdef object empty(int ndim, const npy_intp* dims, int typenum)

# With strides that fill the memory without gaps or overlaps.
cdef object empty_strided(int ndim, const npy_intp* dims, const npy_intp* strides, int typenum)

# With the shape and dtype of x, its axes in the order in which they stand in the memory of x.
cdef object empty_like(object x)

# Bytes for a kernel's own use, aligned to 64; NULL if there are none.
cdef void* take(size_t bytes) noexcept
cdef void give_back(void* data) noexcept
