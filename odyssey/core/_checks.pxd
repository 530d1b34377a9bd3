# What _checks.py offers to compiled code.

cpdef object as_array(object x)
cpdef object normalize_axis(object op, object axis, object ndim, object name=*)
cpdef tuple normalize_axes(object op, object axis, object ndim)
