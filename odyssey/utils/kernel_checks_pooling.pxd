# What kernel_checks_pooling.py calls as C.

from odyssey.utils.geometry cimport output_size, pair, span

cdef object _within(object pixels)
cdef object _check_images(object op, object shape)
cdef object _windows(
    object op, object shape, object kernel_size, object stride, object padding, object dilation,
    object ceil_mode)
cdef tuple _shape_of_images(object op, object x_shape)
