# The memory pool: large arrays stand on blocks that are used again and again.
#
# Why. Memory fresh from the operating system costs a page fault for every 4 KiB that is touched,
# which takes longer than adding the numbers that are then written there. A training step frees and
# asks for the same sizes again and again: a block that was given back is kept, and is the next one
# to go out, while its last use may still be in cache.
#
# Size classes. A request is rounded up to one of 8 sizes between two powers of two, so at most
# 1/8 of a block is wasted. Each class has a stack of the blocks that wait.
#
# Arrays. A block is the array's own memory, by NumPy's interface for allocators (NEP 49): the array
# holds `handler`, and NumPy calls its `free` when the array and its last view are gone, wherever
# that happens, and its `realloc` for ndarray.resize. The array has no base object and owns its
# data, so that nothing that looks at arrays, from pickle to DLPack, can tell the difference.
#
# Threads. NumPy makes and frees arrays under the GIL, and so does this module: the GIL is the lock,
# across a fork too. Whichever thread gives a block back, any other may get it.
#
# Limit. When the blocks that wait exceed a limit, those of the class that was idle for longest go
# back to the operating system. When the system refuses memory, all of them do, and it is asked
# once more.
#
# Compiled once: one pool for the kernels of all levels.

cdef extern from *:
    """
    #define NPY_TARGET_VERSION NPY_1_22_API_VERSION  /* the first with allocators */
    """

cimport numpy as cnp
from cpython.pycapsule cimport PyCapsule_New
from cpython.ref cimport Py_INCREF
from libc.string cimport memcpy, memset, strcpy
from numpy cimport npy_intp

cdef extern from "pages.h":
    enum:
        HEADER
    char* pages_new(size_t bytes) noexcept
    void pages_free(char* data, size_t bytes) noexcept
    size_t pages_all() noexcept

cdef extern from "Python.h":
    Py_ssize_t PY_SSIZE_T_MAX

cdef extern from "numpy/arrayobject.h":
    ctypedef struct PyDataMemAllocator:
        void* ctx
        void* (*malloc)(void* ctx, size_t size) noexcept
        void* (*calloc)(void* ctx, size_t count, size_t size) noexcept
        void* (*realloc)(void* ctx, void* p, size_t size) noexcept
        void (*free)(void* ctx, void* p, size_t size) noexcept
    ctypedef struct PyDataMem_Handler:
        char[127] name
        unsigned char version
        PyDataMemAllocator allocator
    ctypedef struct PyArrayObject_fields:
        void* mem_handler
    enum:
        NPY_ARRAY_C_CONTIGUOUS
        NPY_ARRAY_ALIGNED
        NPY_ARRAY_WRITEABLE
        NPY_ARRAY_OWNDATA
        NPY_MAXDIMS
        NPY_HALF
    int NPY_KEEPORDER
    object PyArray_EMPTY(int nd, const npy_intp* dims, int typenum, int fortran)
    object PyArray_New(
        type subtype, int nd, const npy_intp* dims, int typenum, const npy_intp* strides,
        void* data, int itemsize, int flags, void* prototype)
    object PyArray_NewLikeArray(cnp.ndarray prototype, int order, void* descr, int subok)
    void PyArray_ENABLEFLAGS(cnp.ndarray x, int flags)
    bint PyArray_IS_C_CONTIGUOUS(cnp.ndarray x)
    int PyArray_NDIM(cnp.ndarray x)
    int PyArray_TYPE(cnp.ndarray x)
    npy_intp* PyArray_DIMS(cnp.ndarray x)
    npy_intp* PyArray_STRIDES(cnp.ndarray x)
    npy_intp PyArray_NBYTES(cnp.ndarray x)

cnp.import_array()

cdef enum:
    LEAST = 1 << 12             # smaller arrays are NumPy's: malloc is as fast for them
    STEPS = 8                   # size classes between two powers of two
    CLASSES = 64 * STEPS

# Stands HEADER bytes in front of the data of a block.
cdef struct Block:
    Block* next                 # of the same class, waiting
    size_t size                 # bytes of data
    int number                  # of its class

cdef struct SizeClass:
    Block* waiting
    unsigned long long used     # when a block came or went: the value of `clock`

cdef SizeClass[CLASSES] classes
cdef unsigned long long clock = 0

cdef size_t allocated = 0       # bytes in blocks that arrays hold
cdef size_t peak = 0            # the most there has been
cdef size_t cached = 0          # bytes in blocks that wait
cdef size_t cache_limit = pages_all() // 8
cdef unsigned long long hits = 0
cdef unsigned long long misses = 0


# ---- blocks --------------------------------------------------------------------------------------

# The class of a request of LEAST bytes or more, and the size of its blocks.
cdef int class_of(size_t bytes, size_t* size) noexcept:
    cdef int shift = 0
    cdef size_t steps
    while (bytes - 1) >> shift >= 2 * STEPS:
        shift += 1
    steps = ((bytes - 1) >> shift) + 1          # STEPS < steps <= 2 STEPS
    size[0] = steps << shift
    return shift * STEPS + <int>(steps - STEPS - 1)


# Give back blocks that wait, the longest idle class first, until they are at most `most` bytes.
cdef void trim(size_t most) noexcept:
    global cached
    cdef SizeClass* idle
    cdef Block* block
    cdef int i
    while cached > most:
        idle = NULL
        for i in range(CLASSES):
            if classes[i].waiting and (idle == NULL or classes[i].used < idle.used):
                idle = &classes[i]
        while idle.waiting and cached > most:
            block = idle.waiting
            idle.waiting = block.next
            cached -= block.size
            pages_free(<char*>block + HEADER, block.size)


# The data of a block of at least `bytes`; NULL if there is no memory.
cdef void* take(size_t bytes) noexcept:
    global allocated, cached, clock, hits, misses, peak
    cdef size_t size
    cdef int number
    cdef Block* block
    cdef char* data
    if bytes > <size_t>1 << 62:
        return NULL
    number = class_of(max(bytes, <size_t>LEAST), &size)
    block = classes[number].waiting
    if block:
        classes[number].waiting = block.next
        cached -= size
        hits += 1
    else:
        data = pages_new(size)
        if data == NULL:
            trim(0)
            data = pages_new(size)
            if data == NULL:
                return NULL
        block = <Block*>(data - HEADER)
        block.size = size
        block.number = number
        misses += 1
    clock += 1
    classes[number].used = clock
    allocated += size
    peak = max(peak, allocated)
    return <char*>block + HEADER


cdef void give_back(void* data) noexcept:
    global allocated, cached, clock
    cdef Block* block = <Block*>(<char*>data - HEADER)
    clock += 1
    classes[block.number].used = clock
    block.next = classes[block.number].waiting
    classes[block.number].waiting = block
    allocated -= block.size
    cached += block.size
    if cached > cache_limit:
        trim(cache_limit)


# ---- NumPy's interface for allocators ------------------------------------------------------------

cdef void* handler_malloc(void* ctx, size_t size) noexcept:
    return take(size)


cdef void* handler_calloc(void* ctx, size_t count, size_t size) noexcept:
    cdef void* data
    if size and count > (<size_t>1 << 62) // size:
        return NULL
    data = take(count * size)
    if data:
        memset(data, 0, count * size)
    return data


cdef void* handler_realloc(void* ctx, void* data, size_t size) noexcept:
    cdef void* larger
    cdef size_t old
    if data == NULL:
        return take(size)
    old = (<Block*>(<char*>data - HEADER)).size
    if size <= old:
        return data
    larger = take(size)
    if larger:
        memcpy(larger, data, old)
        give_back(data)
    return larger


cdef void handler_free(void* ctx, void* data, size_t size) noexcept:
    if data:
        give_back(data)


cdef PyDataMem_Handler handler
strcpy(handler.name, b"odyssey")
handler.version = 1
handler.allocator = PyDataMemAllocator(
    NULL, handler_malloc, handler_calloc, handler_realloc, handler_free)

cdef object capsule = PyCapsule_New(&handler, b"mem_handler", NULL)


# ---- arrays --------------------------------------------------------------------------------------

cdef size_t item_size(int typenum) noexcept:
    if typenum == cnp.NPY_FLOAT or typenum == cnp.NPY_INT32 or typenum == cnp.NPY_UINT32:
        return 4
    if (typenum == cnp.NPY_DOUBLE or typenum == cnp.NPY_INT64 or typenum == cnp.NPY_UINT64
            or typenum == cnp.NPY_COMPLEX64):
        return 8
    if typenum == NPY_HALF or typenum == cnp.NPY_INT16 or typenum == cnp.NPY_UINT16:
        return 2
    if typenum == cnp.NPY_BOOL or typenum == cnp.NPY_INT8 or typenum == cnp.NPY_UINT8:
        return 1
    return 0


# What an array needs; -1 if that is more than a signed 64-bit number.
cdef Py_ssize_t bytes_of(int ndim, const npy_intp* dims, size_t item) noexcept:
    cdef Py_ssize_t bytes = item
    cdef int i
    for i in range(ndim):
        if dims[i] == 0:
            return 0
    for i in range(ndim):
        if bytes > PY_SSIZE_T_MAX // dims[i]:
            return -1
        bytes *= dims[i]
    return bytes


cdef object no_memory(int ndim, const npy_intp* dims, Py_ssize_t bytes):
    cdef list shape = [dims[i] for i in range(ndim)]
    size = f"{<double>bytes / 2**30:.3g} GiB" if bytes >= 0 else "more than 8 EiB"
    return MemoryError(f"odyssey: no memory for a result of {size}, shape {tuple(shape)}")


# An array over a block of the pool; strides are NULL for C order.
cdef object on_block(int ndim, const npy_intp* dims, const npy_intp* strides, int typenum,
                     Py_ssize_t bytes):
    cdef int flags = NPY_ARRAY_C_CONTIGUOUS | NPY_ARRAY_ALIGNED | NPY_ARRAY_WRITEABLE
    cdef void* data = take(bytes)
    if data == NULL:
        raise no_memory(ndim, dims, bytes)
    try:
        x = PyArray_New(cnp.ndarray, ndim, dims, typenum, strides, data, 0, flags, NULL)
    except BaseException:
        give_back(data)
        raise
    # NumPy's own setter works for all arrays that are made while it is set, and costs more than
    # the whole array (170 ns); this is the field that its getter, PyArray_HANDLER, reads.
    Py_INCREF(capsule)
    (<PyArrayObject_fields*><void*>x).mem_handler = <void*>capsule
    PyArray_ENABLEFLAGS(x, NPY_ARRAY_OWNDATA)
    return x


cdef object empty(int ndim, const npy_intp* dims, int typenum):
    cdef Py_ssize_t bytes = bytes_of(ndim, dims, item_size(typenum))
    if bytes < 0:
        raise no_memory(ndim, dims, bytes)
    if bytes < LEAST:
        return PyArray_EMPTY(ndim, dims, typenum, 0)
    return on_block(ndim, dims, NULL, typenum, bytes)


cdef object empty_strided(int ndim, const npy_intp* dims, const npy_intp* strides, int typenum):
    cdef Py_ssize_t bytes = bytes_of(ndim, dims, item_size(typenum))
    if bytes < 0:
        raise no_memory(ndim, dims, bytes)
    if bytes < LEAST:
        return PyArray_New(cnp.ndarray, ndim, dims, typenum, strides, NULL, 0, 0, NULL)
    return on_block(ndim, dims, strides, typenum, bytes)


cdef object empty_like(object x):
    cdef int ndim = PyArray_NDIM(x)
    cdef const npy_intp* dims = PyArray_DIMS(x)
    cdef const npy_intp* steps = PyArray_STRIDES(x)
    cdef npy_intp[NPY_MAXDIMS] strides
    cdef int[NPY_MAXDIMS] order         # of the axes, the largest step first
    cdef npy_intp step
    cdef int i, j
    if PyArray_IS_C_CONTIGUOUS(x):
        return empty(ndim, dims, PyArray_TYPE(x))
    if 0 <= PyArray_NBYTES(x) < LEAST:
        return PyArray_NewLikeArray(x, NPY_KEEPORDER, NULL, 0)
    for i in range(ndim):
        j = i
        while j > 0 and abs(steps[order[j - 1]]) < abs(steps[i]):
            order[j] = order[j - 1]
            j -= 1
        order[j] = i
    step = item_size(PyArray_TYPE(x))
    for i in range(ndim - 1, -1, -1):
        strides[order[i]] = step
        step *= dims[order[i]]
    return empty_strided(ndim, dims, strides, PyArray_TYPE(x))


# ---- for odyssey/memory.py -----------------------------------------------------------------------

def memory_stats():
    """Return the counters of the pool."""
    return {
        "allocated_bytes": allocated,
        "peak_allocated_bytes": peak,
        "cached_bytes": cached,
        "reserved_bytes": allocated + cached,
        "hits": hits,
        "misses": misses,
        "cache_limit_bytes": cache_limit,
    }


def reset_peak_memory_stats():
    """Begin to look for the peak at what is allocated now."""
    global peak
    peak = allocated


def empty_cache():
    """Give all blocks that wait back to the operating system."""
    trim(0)


def set_cache_limit(limit):
    """Keep no more than ``limit`` bytes in blocks that wait."""
    global cache_limit
    cache_limit = limit
    trim(cache_limit)
