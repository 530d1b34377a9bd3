# Optimizer steps, in place.
#
# Plan. One call updates all parameters of a group, so that a model of many small ones pays once for
# the call and for waking the threads. One pass over memory per step: a register of each array is
# loaded, the whole rule is applied to it, and what it changes is stored. Parameters are contiguous
# in ordinary use; others are copied, updated and written back.
#
# Threads. Every thread takes the same share of each array at every step, a run of whole CHUNKs:
# what it wrote in the last step, and what it read of it in the forward, is in its own cache.
#
# Scalars are computed as doubles and rounded once, when they are spread over a register.

cimport numpy as cnp
from cython.parallel cimport prange
from libc.math cimport pow, sqrt
from libc.stdlib cimport free, malloc
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
    CHUNK = 1024                    # numbers that stay together on one thread
    PARALLEL = 1 << 15              # numbers that are worth a second thread


# One parameter of the group: its number of elements, its dtype, its arrays; a state that the rule
# does not have is NULL.
cdef struct Arrays:
    Py_ssize_t size
    int kind
    void* param
    const void* grad
    void* first
    void* second


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


# One run of numbers, of any length.
cdef void one_run(element* param, const element* grad, real* first, real* second, Py_ssize_t n,
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


# The numbers from `start` on of one parameter.
cdef void some_numbers(const Arrays* a, Py_ssize_t start, Py_ssize_t n,
        const Rule* rule) noexcept nogil:
    if a.kind == NPY_FLOAT:
        one_run(
            <float*>a.param + start, <const float*>a.grad + start, <float*>a.first + start,
            <float*>a.second + start, n, rule, vsplat_f32(0))
    elif a.kind == NPY_DOUBLE:
        one_run(
            <double*>a.param + start, <const double*>a.grad + start, <double*>a.first + start,
            <double*>a.second + start, n, rule, vsplat_f64(0))
    else:
        one_run(
            <half*>a.param + start, <const half*>a.grad + start, <float*>a.first + start,
            <float*>a.second + start, n, rule, vsplat_f32(0))


# One of `shares` equal parts of each parameter.
cdef void one_share(const Arrays* arrays, Py_ssize_t count, int share, int shares,
        const Rule* rule) noexcept nogil:
    cdef Py_ssize_t i, chunks, start, stop
    for i in range(count):
        chunks = (arrays[i].size + CHUNK - 1) // CHUNK
        start = chunks * share // shares * CHUNK
        stop = min(chunks * (share + 1) // shares * CHUNK, arrays[i].size)
        if start < stop:
            some_numbers(&arrays[i], start, stop - start, rule)


cdef void all_shares(const Arrays* arrays, Py_ssize_t count, const Rule* rule) noexcept nogil:
    cdef Py_ssize_t total = 0, i
    cdef int shares, share
    for i in range(count):
        total += arrays[i].size
    shares = num_threads() if total > PARALLEL else 1
    for share in prange(shares, num_threads=shares, schedule="static"):
        one_share(arrays, count, share, shares, rule)


# ---- doors ---------------------------------------------------------------------------------------

# The members of a list, held fast while the kernel runs; None for anything else.
cdef tuple members(object arrays):
    return tuple(arrays) if isinstance(arrays, (list, tuple)) else None


cdef bint same_length(tuple params, tuple others) noexcept:
    return params is not None and others is not None and len(others) == len(params)


cdef bint params_fit(tuple params, tuple grads) noexcept:
    cdef Py_ssize_t i
    if not same_length(params, grads):
        return False
    for i in range(len(params)):
        if float_type(params[i]) < 0 or float_type(grads[i]) != float_type(params[i]):
            return False
        if not (same_shape(grads[i], params[i]) and PyArray_ISWRITEABLE(params[i])):
            return False
    return True


# Whether one kind of state has an array for each of `params`, which have been checked.
cdef bint states_fit(tuple states, tuple params) noexcept:
    cdef Py_ssize_t i
    if not same_length(params, states):
        return False
    for i in range(len(params)):
        if float_type(states[i]) != sum_type(float_type(params[i])):
            return False
        if not (same_shape(states[i], params[i]) and PyArray_ISWRITEABLE(states[i])):
            return False
    return True


# An array as one block of memory: itself, or a copy, which is noted beside it.
cdef object as_block(object x, list copies):
    block = contiguous(x)
    if block is not x:
        copies.append((x, block))
    return block


# Apply the rule to parameters that have been checked; a state that the rule does not have is None.
cdef object update(tuple params, tuple grads, tuple firsts, tuple seconds, const Rule* rule):
    cdef Py_ssize_t count = len(params), i
    cdef list written = [], read = []
    cdef Arrays* arrays = <Arrays*>malloc(max(count, 1) * sizeof(Arrays))
    if arrays == NULL:
        raise MemoryError(f"optimizer: no memory for the addresses of {count} parameters")
    try:
        for i in range(count):
            arrays[i].size = PyArray_SIZE(params[i])
            arrays[i].kind = float_type(params[i])
            arrays[i].param = PyArray_DATA(as_block(params[i], written))
            arrays[i].grad = PyArray_DATA(as_block(grads[i], read))
            arrays[i].first = arrays[i].second = NULL
            if firsts is not None:
                arrays[i].first = PyArray_DATA(as_block(firsts[i], written))
            if seconds is not None:
                arrays[i].second = PyArray_DATA(as_block(seconds[i], written))
        with nogil:
            all_shares(arrays, count, rule)
    finally:
        free(arrays)
    for array, block in written:
        np.copyto(array, block)


def sgd(
    params: list[np.ndarray],
    grads: list[np.ndarray],
    velocities: list[np.ndarray] | None,
    lr: float,
    momentum: float = 0.0,
    dampening: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
) -> None:
    """Step down the gradient, with momentum.

    Same contract as odyssey.reference.optim.sgd. One pass over memory.
    """
    cdef tuple all_params = members(params), all_grads = members(grads), all_velocities = None
    cdef Rule rule
    rule.adam = False
    rule.lr = lr
    rule.momentum = momentum
    rule.fresh = 1 - <double>dampening
    rule.weight_decay = weight_decay
    rule.nesterov = nesterov
    if rule.momentum == 0:
        if not params_fit(all_params, all_grads):
            check_optimizer("sgd", False, params, grads)
            raise AssertionError("sgd: the checks in C and in Python differ")
    else:
        all_velocities = members(velocities)
        if not (params_fit(all_params, all_grads) and states_fit(all_velocities, all_params)):
            check_optimizer("sgd", False, params, grads, velocities=velocities)
            raise AssertionError("sgd: the checks in C and in Python differ")
    update(all_params, all_grads, all_velocities, None, &rule)


def adam(
    params: list[np.ndarray],
    grads: list[np.ndarray],
    exp_avgs: list[np.ndarray],
    exp_avg_sqs: list[np.ndarray],
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
    cdef tuple all_params = members(params), all_grads = members(grads)
    cdef tuple averages = members(exp_avgs), squares = members(exp_avg_sqs)
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
    if not (params_fit(all_params, all_grads) and states_fit(averages, all_params)
            and states_fit(squares, all_params)):
        check_optimizer(
            "adam", False, params, grads, exp_avgs=exp_avgs, exp_avg_sqs=exp_avg_sqs)
        raise AssertionError("adam: the checks in C and in Python differ")
    update(all_params, all_grads, averages, squares, &rule)
