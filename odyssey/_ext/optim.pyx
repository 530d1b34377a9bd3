# Optimizer steps, in place.
#
# Plan. One pass over memory per step: a register of each array is loaded, the whole rule is applied
# to it, and what it changes is stored. Threads split the arrays into chunks of CHUNK numbers, whose
# bounds do not depend on the number of threads. Parameters are contiguous in ordinary use; others
# are copied, updated and written back.
#
# Scalars are computed as doubles and rounded once, when they are spread over a register.

cimport numpy as cnp
from cython.parallel cimport prange
from libc.math cimport pow, sqrt
from libc.string cimport memcpy

from odyssey._ext._door cimport (
    NPY_DOUBLE, NPY_FLOAT, PyArray_DATA, PyArray_ISWRITEABLE, PyArray_SIZE, contiguous, float_type,
    same_shape, sum_type,
)
from odyssey._ext._simd cimport (
    MOST_LANES, element, half, lanes, load, real, splat, square_root, store, vec, vsplat_f32,
    vsplat_f64,
)
from odyssey._ext._threads cimport num_threads

import numpy as np

from odyssey.utils.kernel_checks import check_optimizer, check_step

cnp.import_array()

cdef enum:
    CHUNK = 8192                    # numbers that one thread takes at a time
    PARALLEL = 1 << 16              # numbers that are worth a second thread


# Everything of a step that is the same for all elements. SGD uses the first five, Adam the others
# and weight_decay.
cdef struct Rule:
    double lr
    double weight_decay
    double momentum
    double fresh                    # 1 - dampening
    bint nesterov
    bint adam
    double shrink                   # what decoupled weight decay multiplies the parameter by
    double fresh1, beta2, fresh2    # 1 - beta1, beta2, 1 - beta2
    # lr * m / (1 - beta1**t) / (sqrt(v) / r + eps) with r = sqrt(1 - beta2**t), once divided less:
    double step_size                # lr * r / (1 - beta1**t)
    double eps                      # eps * r


# One register of SGD. `first` is the velocity; `second` is not used.
cdef inline void sgd_register(element* param, const element* grad, real* first, const Rule* rule,
        vec zero) noexcept nogil:
    cdef vec p = load(<const element*>param, zero)
    cdef vec g = load(grad, zero)
    cdef vec v
    if rule.weight_decay != 0:
        g = g + splat(rule.weight_decay, zero) * p
    if rule.momentum != 0:
        v = load(<const real*>first, zero)
        v = splat(rule.momentum, zero) * v + splat(rule.fresh, zero) * g
        store(first, v)
        g = g + splat(rule.momentum, zero) * v if rule.nesterov else v
    store(param, p - splat(rule.lr, zero) * g)


# One register of Adam. `first` and `second` are the averages of the gradient and of its square.
cdef inline void adam_register(element* param, const element* grad, real* first, real* second,
        const Rule* rule, vec zero) noexcept nogil:
    cdef vec p = load(<const element*>param, zero) * splat(rule.shrink, zero)
    cdef vec g = load(grad, zero)
    cdef vec m = load(<const real*>first, zero)
    cdef vec v = load(<const real*>second, zero)
    if rule.weight_decay != 0:
        g = g + splat(rule.weight_decay, zero) * p
    m = m + splat(rule.fresh1, zero) * (g - m)
    v = splat(rule.beta2, zero) * v + splat(rule.fresh2, zero) * (g * g)
    store(first, m)
    store(second, v)
    store(param, p - splat(rule.step_size, zero) * m / (square_root(v) + splat(rule.eps, zero)))


# One register of either rule: the loops over memory are the same.
cdef inline void one_register(element* param, const element* grad, real* first, real* second,
        const Rule* rule, vec zero) noexcept nogil:
    if rule.adam:
        adam_register(param, grad, first, second, rule, zero)
    else:
        sgd_register(param, grad, first, rule, zero)


cdef void one_chunk(element* param, const element* grad, real* first, real* second, Py_ssize_t n,
        const Rule* given, vec zero) noexcept nogil:
    # A copy, so that the compiler knows that storing a parameter does not change the rule.
    cdef Rule rule = given[0]
    # The last, incomplete register is done in these, and the part that exists is copied back.
    cdef element[MOST_LANES] p
    cdef element[MOST_LANES] g
    cdef real[MOST_LANES] m
    cdef real[MOST_LANES] v
    cdef Py_ssize_t i = 0
    cdef Py_ssize_t V = lanes(zero)
    while i + V <= n:
        one_register(param + i, grad + i, first + i, second + i, &rule, zero)
        i += V
    if i == n:
        return
    n -= i
    store(&p[0], zero)
    store(&g[0], zero)
    store(&m[0], zero)
    store(&v[0], zero)
    memcpy(&p[0], param + i, n * sizeof(element))
    memcpy(&g[0], grad + i, n * sizeof(element))
    if rule.adam or rule.momentum != 0:
        memcpy(&m[0], first + i, n * sizeof(real))
    if rule.adam:
        memcpy(&v[0], second + i, n * sizeof(real))
    one_register(&p[0], <const element*>&g[0], &m[0], &v[0], &rule, zero)
    memcpy(param + i, &p[0], n * sizeof(element))
    if rule.adam or rule.momentum != 0:
        memcpy(first + i, &m[0], n * sizeof(real))
    if rule.adam:
        memcpy(second + i, &v[0], n * sizeof(real))


cdef void all_chunks(element* param, const element* grad, real* first, real* second, Py_ssize_t n,
        const Rule* rule, vec zero) noexcept nogil:
    cdef int threads = num_threads() if n > PARALLEL else 1
    cdef Py_ssize_t chunk
    if threads == 1:                # a parallel region of one thread costs 0.6 us
        for chunk in range((n + CHUNK - 1) // CHUNK):
            one_chunk(
                param + chunk * CHUNK, grad + chunk * CHUNK, first + chunk * CHUNK,
                second + chunk * CHUNK, min(CHUNK, n - chunk * CHUNK), rule, zero)
    else:
        for chunk in prange((n + CHUNK - 1) // CHUNK, num_threads=threads, schedule="static"):
            one_chunk(
                param + chunk * CHUNK, grad + chunk * CHUNK, first + chunk * CHUNK,
                second + chunk * CHUNK, min(CHUNK, n - chunk * CHUNK), rule, zero)


# Apply the rule to arrays that have been checked; a state that the rule does not have is None.
cdef object update(object param, object grad, object first, object second, const Rule* rule,
        int kind):
    work = contiguous(param)
    grad = contiguous(grad)
    work1 = None if first is None else contiguous(first)
    work2 = None if second is None else contiguous(second)
    cdef void* p = PyArray_DATA(work)
    cdef void* g = PyArray_DATA(grad)
    cdef void* m = NULL if work1 is None else PyArray_DATA(work1)
    cdef void* v = NULL if work2 is None else PyArray_DATA(work2)
    cdef Py_ssize_t n = PyArray_SIZE(work)
    with nogil:
        if kind == NPY_FLOAT:
            all_chunks(<float*>p, <const float*>g, <float*>m, <float*>v, n, rule, vsplat_f32(0))
        elif kind == NPY_DOUBLE:
            all_chunks(<double*>p, <const double*>g, <double*>m, <double*>v, n, rule, vsplat_f64(0))
        else:
            all_chunks(<half*>p, <const half*>g, <float*>m, <float*>v, n, rule, vsplat_f32(0))
    if work is not param:
        np.copyto(param, work)
    if work1 is not first:
        np.copyto(first, work1)
    if work2 is not second:
        np.copyto(second, work2)


cdef bint param_fits(object param, object grad, int kind) noexcept:
    if kind < 0 or float_type(grad) != kind:
        return False
    return same_shape(grad, param) and PyArray_ISWRITEABLE(param)


cdef bint state_fits(object state, object param, int kind) noexcept:
    if float_type(state) != sum_type(kind):
        return False
    return same_shape(state, param) and PyArray_ISWRITEABLE(state)


def sgd(
    param: np.ndarray,
    grad: np.ndarray,
    velocity: np.ndarray | None,
    lr: float,
    momentum: float = 0.0,
    dampening: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
) -> None:
    """Step down the gradient, with momentum.

    Same contract as odyssey.reference.optim.sgd. One pass over memory.
    """
    cdef int kind = float_type(param)
    cdef Rule rule
    rule.adam = False
    rule.lr = lr
    rule.momentum = momentum
    rule.fresh = 1 - <double>dampening
    rule.weight_decay = weight_decay
    rule.nesterov = nesterov
    if rule.momentum == 0:
        velocity = None
    if not (param_fits(param, grad, kind)
            and (rule.momentum == 0 or state_fits(velocity, param, kind))):
        if rule.momentum == 0:
            check_optimizer("sgd", False, param, grad)
        else:
            check_optimizer("sgd", False, param, grad, velocity=velocity)
        raise AssertionError("sgd: the checks in C and in Python differ")
    update(param, grad, velocity, None, &rule, kind)


def adam(
    param: np.ndarray,
    grad: np.ndarray,
    exp_avg: np.ndarray,
    exp_avg_sq: np.ndarray,
    step: int,
    lr: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    decoupled: bool = False,
) -> None:
    """Step down the gradient, each element scaled by the size of its recent gradients.

    Same contract as odyssey.reference.optim.adam. One pass over memory.
    """
    cdef int kind = float_type(param)
    cdef double b1 = beta1
    cdef double b2 = beta2
    cdef double rate = lr
    cdef double decay = weight_decay
    cdef double root2
    cdef Rule rule
    check_step("adam", step)
    rule.adam = True
    rule.momentum = 0
    rule.shrink = 1 - rate * decay if decoupled else 1
    rule.weight_decay = 0 if decoupled else decay
    rule.fresh1 = 1 - b1
    rule.beta2 = b2
    rule.fresh2 = 1 - b2
    root2 = sqrt(1 - pow(b2, step))
    rule.step_size = rate * root2 / (1 - pow(b1, step))
    rule.eps = eps * root2
    if not (param_fits(param, grad, kind) and state_fits(exp_avg, param, kind)
            and state_fits(exp_avg_sq, param, kind)):
        check_optimizer("adam", False, param, grad, exp_avg=exp_avg, exp_avg_sq=exp_avg_sq)
        raise AssertionError("adam: the checks in C and in Python differ")
    update(param, grad, exp_avg, exp_avg_sq, &rule, kind)
