# The vector types of simd.h for Cython, and helpers that are total over (element, vec), so that a
# core is written once for all dtypes.
#
# Three pairs are used:  half -> vf32,  float -> vf32,  double -> vf64  (stored type -> type of the
# arithmetic). A helper's last branch serves the pairs that nobody calls: it keeps every
# specialisation that Cython makes valid C. Rules for users: write `scalar * vector`, never a loop
# that fills lanes; no vec variable in the body of a prange (Cython would initialise it with a
# scalar NaN): call a function there.

cdef extern from "simd.h" nogil:
    ctypedef float vf32             # VBYTES / 4 floats
    ctypedef double vf64            # VBYTES / 8 doubles
    enum:
        VBYTES
        MR
        WIDE
    void* scratch(size_t bytes)
    float half_to_float(unsigned short h)
    unsigned short float_to_half(float x)
    vf32 vload_f16(const unsigned short* p)
    vf32 vload_f32(const float* p)
    vf64 vload_f64(const double* p)
    void vstore_f16(unsigned short* p, vf32 v)
    void vstore_f32(float* p, vf32 v)
    void vstore_f64(double* p, vf64 v)
    vf32 vsplat_f32(float x)
    vf64 vsplat_f64(double x)
    vf32 vmax_f32(vf32 a, vf32 b)
    vf64 vmax_f64(vf64 a, vf64 b)
    vf32 vkeep_f32(vf32 v, vf32 test)
    vf64 vkeep_f64(vf64 v, vf64 test)
    float vsum_f32(vf32 v)
    double vsum_f64(vf64 v)
    float vpeak_f32(vf32 v)
    double vpeak_f64(vf64 v)
    vf32 vsqrt_f32(vf32 v)
    vf64 vsqrt_f64(vf64 v)
    vf32 vexp_f32(vf32 v)
    vf64 vexp_f64(vf64 v)
    vf32 vsigmoid_f32(vf32 v)
    vf64 vsigmoid_f64(vf64 v)
    vf32 vtanh_f32(vf32 v)
    vf64 vtanh_f64(vf64 v)

cdef extern from "parts.h" nogil:
    vf32 vload_part_f16(const unsigned short* p, long n, vf32 fill)
    vf32 vload_part_f32(const float* p, long n, vf32 fill)
    vf64 vload_part_f64(const double* p, long n, vf64 fill)
    void vstore_part_f16(unsigned short* p, long n, vf32 v)
    void vstore_part_f32(float* p, long n, vf32 v)
    void vstore_part_f64(double* p, long n, vf64 v)

cdef enum:
    MOST_LANES = 16                 # of any type at any level

ctypedef unsigned short half

ctypedef fused element:             # what is stored
    half
    float
    double

ctypedef fused real:                # one number of the arithmetic
    float
    double

ctypedef fused vec:                 # a register of them
    vf32
    vf64


cdef inline Py_ssize_t lanes(vec like) noexcept nogil:
    if vec is vf32:
        return VBYTES // 4
    else:
        return VBYTES // 8


cdef inline vec splat(double x, vec like) noexcept nogil:
    if vec is vf32:
        return vsplat_f32(<float>x)
    else:
        return vsplat_f64(x)


cdef inline vec load(const element* p, vec like) noexcept nogil:
    if element is half and vec is vf32:
        return vload_f16(p)
    elif element is float and vec is vf32:
        return vload_f32(p)
    elif element is double and vec is vf64:
        return vload_f64(p)
    else:
        return like


cdef inline void store(element* p, vec v) noexcept nogil:
    if element is half and vec is vf32:
        vstore_f16(p, v)
    elif element is float and vec is vf32:
        vstore_f32(p, v)
    elif element is double and vec is vf64:
        vstore_f64(p, v)


# The first n elements; the other lanes come from `fill`. For the end of a row.
cdef inline vec load_part(const element* p, Py_ssize_t n, vec fill) noexcept nogil:
    if element is half and vec is vf32:
        return vload_part_f16(p, n, fill)
    elif element is float and vec is vf32:
        return vload_part_f32(p, n, fill)
    elif element is double and vec is vf64:
        return vload_part_f64(p, n, fill)
    else:
        return fill


cdef inline void store_part(element* p, Py_ssize_t n, vec v) noexcept nogil:
    if element is half and vec is vf32:
        vstore_part_f16(p, n, v)
    elif element is float and vec is vf32:
        vstore_part_f32(p, n, v)
    elif element is double and vec is vf64:
        vstore_part_f64(p, n, v)


cdef inline vec times(real a, vec v) noexcept nogil:
    if real is float and vec is vf32:
        return a * v
    elif real is double and vec is vf64:
        return a * v
    else:
        return v


cdef inline vec scaled(double a, vec v) noexcept nogil:
    if vec is vf32:
        return <float>a * v
    else:
        return a * v


cdef inline vec maximum(vec a, vec b) noexcept nogil:
    if vec is vf32:
        return vmax_f32(a, b)
    else:
        return vmax_f64(a, b)


# v, but 0 where test <= 0.
cdef inline vec keep(vec v, vec test) noexcept nogil:
    if vec is vf32:
        return vkeep_f32(v, test)
    else:
        return vkeep_f64(v, test)


cdef inline double lane_sum(vec v) noexcept nogil:
    if vec is vf32:
        return vsum_f32(v)
    else:
        return vsum_f64(v)


cdef inline double lane_max(vec v) noexcept nogil:
    if vec is vf32:
        return vpeak_f32(v)
    else:
        return vpeak_f64(v)


cdef inline vec square_root(vec v) noexcept nogil:
    if vec is vf32:
        return vsqrt_f32(v)
    else:
        return vsqrt_f64(v)


cdef inline vec exponential(vec v) noexcept nogil:
    if vec is vf32:
        return vexp_f32(v)
    else:
        return vexp_f64(v)


cdef inline vec logistic(vec v) noexcept nogil:
    if vec is vf32:
        return vsigmoid_f32(v)
    else:
        return vsigmoid_f64(v)


cdef inline vec hyperbolic_tangent(vec v) noexcept nogil:
    if vec is vf32:
        return vtanh_f32(v)
    else:
        return vtanh_f64(v)


# One stored element as a number of the arithmetic.
cdef inline double number(element x) noexcept nogil:
    if element is half:
        return half_to_float(x)
    else:
        return x


# A number of the arithmetic as it is stored.
cdef inline element rounded(real x, element like) noexcept nogil:
    if element is half:
        return float_to_half(<float>x)
    else:
        return <element>x
