# places.h for Cython, total over vec like _simd.pxd.

from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcpy, memset

from odyssey._ext._simd cimport MOST_LANES, lanes, load_part, store_part, vec, vf32, vf64

cdef extern from "places.h" nogil:
    vf32 vplaces_f32(int64_t at)
    vf64 vplaces_f64(int64_t at)
    vf32 vload_places_f32(const int32_t* p)
    vf64 vload_places_f64(const int32_t* p)
    void vstore_places_f32(int32_t* p, vf32 places)
    void vstore_places_f64(int32_t* p, vf64 places)
    void vlarger_f32(vf32 v, vf32 at, vf32* best, vf32* place)
    void vlarger_f64(vf64 v, vf64 at, vf64* best, vf64* place)
    void vgreater_f32(vf32 v, vf32 at, vf32* best, vf32* place)
    void vgreater_f64(vf64 v, vf64 at, vf64* best, vf64* place)
    vf32 vcollect_f32(vf32 total, vf32 v, vf32 place, vf32 at, vf32* hits)
    vf64 vcollect_f64(vf64 total, vf64 v, vf64 place, vf64 at, vf64* hits)
    int64_t vhits_f32(vf32 hits)
    int64_t vhits_f64(vf64 hits)


cdef inline vec places(int64_t at, vec like) noexcept nogil:
    if vec is vf32:
        return vplaces_f32(at)
    else:
        return vplaces_f64(at)


# The n places at p, or as many as a register holds; -1, which is none, in the lanes beyond them.
cdef inline vec load_places(const int32_t* p, Py_ssize_t n, vec like) noexcept nogil:
    cdef int32_t[MOST_LANES] buffer
    if vec is vf32:
        if n < lanes(like):
            return load_part(<const float*>p, n, places(-1, like))
        return vload_places_f32(p)
    else:
        if n < lanes(like):
            memset(&buffer[0], 0xff, sizeof(buffer))
            memcpy(&buffer[0], p, n * sizeof(int32_t))
            p = &buffer[0]
        return vload_places_f64(p)


# The first n of them.
cdef inline void store_places(int32_t* p, Py_ssize_t n, vec at) noexcept nogil:
    cdef int32_t[MOST_LANES] buffer
    if vec is vf32:
        if n < lanes(at):
            store_part(<float*>p, n, at)
        else:
            vstore_places_f32(p, at)
    else:
        if n < lanes(at):
            vstore_places_f64(&buffer[0], at)
            memcpy(p, &buffer[0], n * sizeof(int32_t))
        else:
            vstore_places_f64(p, at)


# Where v is larger than best, or NaN: best = v, place = at.
cdef inline void larger(vec v, vec at, vec* best, vec* place) noexcept nogil:
    if vec is vf32:
        vlarger_f32(v, at, best, place)
    else:
        vlarger_f64(v, at, best, place)


# The same for a v without NaN, in half the work.
cdef inline void greater(vec v, vec at, vec* best, vec* place) noexcept nogil:
    if vec is vf32:
        vgreater_f32(v, at, best, place)
    else:
        vgreater_f64(v, at, best, place)


# total + v where place is `at`; there, hits grows by the integer 1.
cdef inline vec collect(vec total, vec v, vec place, vec at, vec* hits) noexcept nogil:
    if vec is vf32:
        return vcollect_f32(total, v, place, at, hits)
    else:
        return vcollect_f64(total, v, place, at, hits)


cdef inline int64_t sum_of_hits(vec hits) noexcept nogil:
    if vec is vf32:
        return vhits_f32(hits)
    else:
        return vhits_f64(hits)
