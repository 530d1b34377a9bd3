# What geometry.py offers to compiled code.

cdef object _integer(object op, object name, object value, object least)
cpdef tuple pair(object op, object name, object value, object least=*)
cpdef object span(object window, object dilation)
cpdef tuple pads(
    object op, object padding, object size, object window, object stride, object dilation)
cdef tuple _same(object size, object window, object stride, object dilation)
cpdef tuple output_size(
    object op, object size, object window, object stride, object dilation, object around,
    object ceil_mode=*)
cdef object _outputs(
    object size, object window, object stride, object dilation, object around, object ceil_mode)
