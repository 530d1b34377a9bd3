# Uninitialised arrays for the results of kernels. Large ones stand on memory that the pool has
# handed out before. All need the GIL; all raise MemoryError, naming the size, if there is none.

from numpy cimport npy_intp

# In C order.
cdef object empty(int ndim, const npy_intp* dims, int typenum)

# With strides that fill the memory without gaps or overlaps.
cdef object empty_strided(int ndim, const npy_intp* dims, const npy_intp* strides, int typenum)

# With the shape and dtype of x, its axes in the order in which they stand in the memory of x.
cdef object empty_like(object x)
