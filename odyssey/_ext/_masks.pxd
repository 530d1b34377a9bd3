# masks.h for Cython, total over (element, vec) like _simd.pxd, and the operations on one vector.

from libc.stdint cimport uint8_t

from odyssey._ext._simd cimport element, store, vec, vf32, vf64

cdef extern from "masks.h" nogil:
    void vless_f32(uint8_t* p, vf32 a, vf32 b)
    void vless_f64(uint8_t* p, vf64 a, vf64 b)
    void vless_equal_f32(uint8_t* p, vf32 a, vf32 b)
    void vless_equal_f64(uint8_t* p, vf64 a, vf64 b)
    void vequal_f32(uint8_t* p, vf32 a, vf32 b)
    void vequal_f64(uint8_t* p, vf64 a, vf64 b)
    void vnot_equal_f32(uint8_t* p, vf32 a, vf32 b)
    void vnot_equal_f64(uint8_t* p, vf64 a, vf64 b)
    vf32 vselect_f32(const uint8_t* c, vf32 a, vf32 b)
    vf64 vselect_f64(const uint8_t* c, vf64 a, vf64 b)
    void vstream_f32(float* p, vf32 v)
    void vstream_f64(double* p, vf64 v)
    void stream_end()

cdef enum Operation:
    ADD
    SUBTRACT
    MULTIPLY
    DIVIDE
    LESS                        # from here on the results are truth values
    LESS_EQUAL
    EQUAL
    NOT_EQUAL
    WHERE


cdef inline vec arithmetic(Operation op, vec a, vec b) noexcept nogil:
    if op == ADD:
        return a + b
    elif op == SUBTRACT:
        return a - b
    elif op == MULTIPLY:
        return a * b
    else:
        return a / b


cdef inline void comparison(Operation op, uint8_t* out, vec a, vec b) noexcept nogil:
    if vec is vf32:
        if op == LESS:
            vless_f32(out, a, b)
        elif op == LESS_EQUAL:
            vless_equal_f32(out, a, b)
        elif op == EQUAL:
            vequal_f32(out, a, b)
        else:
            vnot_equal_f32(out, a, b)
    else:
        if op == LESS:
            vless_f64(out, a, b)
        elif op == LESS_EQUAL:
            vless_equal_f64(out, a, b)
        elif op == EQUAL:
            vequal_f64(out, a, b)
        else:
            vnot_equal_f64(out, a, b)


cdef inline vec select(const uint8_t* c, vec a, vec b) noexcept nogil:
    if vec is vf32:
        return vselect_f32(c, a, b)
    else:
        return vselect_f64(c, a, b)


cdef inline void stream(element* p, vec v) noexcept nogil:
    if element is float and vec is vf32:
        vstream_f32(p, v)
    elif element is double and vec is vf64:
        vstream_f64(p, v)
    else:
        store(p, v)
