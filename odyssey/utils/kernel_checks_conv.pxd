# What kernel_checks_conv.py calls as C.

from odyssey.utils.geometry cimport output_size, pads, pair

cpdef object check_conv2d(
    object op, object x, object weight, object bias, object stride, object padding,
    object dilation, object groups, object objects=*)
cpdef object check_depthwise(
    object op, object x, object weight, object bias, object stride, object padding,
    object dilation, object objects=*)
cdef bint _are_images(object x, object weight, object bias)
cdef object _check_grad(
    object op, object grad, object x, object weight, object window, object objects)
cdef object _window(
    object op, object size, object taps, object x, object weight, object stride, object padding,
    object dilation, object groups)
