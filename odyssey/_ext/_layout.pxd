# Channels-last memory for the image kernels. An image batch has the shape (N, C, H, W); in
# channels-last memory its numbers stand as (N, H, W, C), the channels of one pixel side by side.

# x itself if its memory is (N, H, W, C), dense and aligned, else such a copy, which is counted.
cdef object channels_last(object x)

# An uninitialised array of shape (N, C, H, W) over (N, H, W, C) memory.
cdef object empty_channels_last(Py_ssize_t N, Py_ssize_t C, Py_ssize_t H, Py_ssize_t W, int typenum)
