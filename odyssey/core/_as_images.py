"""Convolutions along one axis or three as convolutions of images, and back.

A line is an image of one row. A volume is cut into slabs, as deep as the filters: the
depth of a slab joins the channels, so that one two-dimensional convolution sums over
it, too, and the slabs of a volume join the batch. All of it only moves numbers, in
operations that have derivatives; on images themselves nothing is done.
"""

from __future__ import annotations

from odyssey.core.conv import conv2d, input_gradient, weight_gradient
from odyssey.core.matrix import transpose
from odyssey.core.patches import fold, unfold
from odyssey.utils.geometry import output_sizes, several, sides


class AsImages:
    """The geometry of one convolution, and its three operations; all in arrays or Tensors.

    Shapes: x (N, C, ...), weight (K, C/G, ...), y (N, K, ...), with one, two or three
    axes of pixels; for volumes D×H×W pixels, T×R×S taps and M×P×Q outputs.
    """

    def __init__(self, op, x_shape, weight_shape, stride, padding, dilation, groups):
        self.x_shape, self.weight_shape = tuple(x_shape), tuple(weight_shape)
        size, taps = self.x_shape[2:], self.weight_shape[2:]
        count = len(size)
        steps, gaps = (
            several(op, name, value, count)
            for name, value in (("stride", stride), ("dilation", dilation))
        )
        around = sides(op, padding, size, taps, steps, gaps)
        self.outputs = output_sizes(op, size, taps, steps, gaps, around)
        if count == 1:  # an image of one row
            steps, gaps, around = (1, *steps), (1, *gaps), ((0, 0), *around)
        self.settings = (steps[-2:], around[-2:], gaps[-2:], groups)
        # Where the slabs of a volume lie: an "image" of D rows, each of them a whole picture.
        first = (steps[0], 1), (around[0], (0, 0)), (gaps[0], 1)
        self.slabs = ((taps[0], 1), *first)

    def conv(self, x, weight, bias=None):
        """Return y, the convolution."""
        images = conv2d(self._images(x), self._filters(weight), bias, *self.settings)
        return self._from_outputs(images)

    def input_gradient(self, y, weight):
        """Return the gradient of ``sum(y * conv(x, weight))`` for x."""
        images = input_gradient(
            self._outputs(y), self._filters(weight), self._images_shape(), *self.settings
        )
        return self._from_images(images)

    def weight_gradient(self, y, x):
        """Return the gradient of ``sum(y * conv(x, weight))`` for weight."""
        filters = weight_gradient(
            self._outputs(y), self._images(x), self._filters_shape(), *self.settings
        )
        return filters.reshape(self.weight_shape)

    def _filters_shape(self):
        K, channels, *taps = self.weight_shape
        if len(taps) == 1:
            return (K, channels, 1, *taps)
        return (K, channels * taps[0], *taps[1:]) if len(taps) == 3 else self.weight_shape

    def _filters(self, weight):
        return weight.reshape(self._filters_shape())

    def _images_shape(self):
        N, C, *size = self.x_shape
        if len(size) == 1:
            return (N, C, 1, *size)
        if len(size) == 2:
            return self.x_shape
        return (N * self.outputs[0], C * self.weight_shape[2], *size[1:])

    def _images(self, x):
        if len(self.outputs) != 3:
            return x.reshape(self._images_shape())
        N, C, D, H, W = self.x_shape
        slabs = unfold(x.reshape((N, C, D, H * W)), *self.slabs)
        slabs = slabs.reshape((N, C * self.weight_shape[2], self.outputs[0], H, W))
        return transpose(slabs, (0, 2, 1, 3, 4)).reshape(self._images_shape())

    def _from_images(self, images):
        """Undo :meth:`_images`: each pixel collects from the slabs that hold it."""
        if len(self.outputs) != 3:
            return images.reshape(self.x_shape)
        N, C, D, H, W = self.x_shape
        M, T = self.outputs[0], self.weight_shape[2]
        slabs = transpose(images.reshape((N, M, C * T, H, W)), (0, 2, 1, 3, 4))
        x = fold(slabs.reshape((N, C * T, M * H * W)), (D, H * W), *self.slabs)
        return x.reshape(self.x_shape)

    def _outputs(self, y):
        """Return y as the outputs of images."""
        N, K, *outputs = y.shape
        if len(outputs) == 1:
            return y.reshape((N, K, 1, *outputs))
        if len(outputs) == 2:
            return y
        M, P, Q = outputs
        return transpose(y, (0, 2, 1, 3, 4)).reshape((N * M, K, P, Q))

    def _from_outputs(self, images):
        N, K = self.x_shape[0], self.weight_shape[0]
        if len(self.outputs) != 3:
            return images.reshape((N, K, *self.outputs))
        M, P, Q = self.outputs
        return transpose(images.reshape((N, M, K, P, Q)), (0, 2, 1, 3, 4))
