"""Padding as layers."""

from __future__ import annotations

from odyssey.nn._padding import ConstantPad, Pad

__all__ = [
    "CircularPad1D",
    "CircularPad2D",
    "CircularPad3D",
    "ConstantPad1D",
    "ConstantPad2D",
    "ConstantPad3D",
    "ReflectionPad1D",
    "ReflectionPad2D",
    "ReflectionPad3D",
    "ReplicationPad1D",
    "ReplicationPad2D",
    "ReplicationPad3D",
    "ZeroPad1D",
    "ZeroPad2D",
    "ZeroPad3D",
]


class ZeroPad1D(Pad):
    """Put zeros around lines; see :func:`odyssey.core.pad`.

    Shapes: (..., L) in, the same with longer axes out.

    Parameters
    ----------
    padding : int, (before, after) or ((before, after),)

    Raises
    ------
    ShapeError
        If the padding has none of these forms, or a number is negative.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.ZeroPad1D(2)(od.tensor([[1.0, 2.0, 3.0]]))
    tensor([[0., 0., 1., 2., 3., 0., 0.]])
    """

    _axes = 1


class ZeroPad2D(Pad):
    """Put zeros around images; see :func:`odyssey.core.pad`.

    Shapes: (..., H, W) in, the same with longer axes out.

    Parameters
    ----------
    padding : int, (vertical, horizontal), (left, right, above, below) or pairs
        One number for all sides, one for both sides of each axis, or one for each side:
        in PyTorch's order, or as ((above, below), (left, right)), as convolutions take it.

    Raises
    ------
    ShapeError
        If the padding has none of these forms, or a number is negative.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.ZeroPad2D((1, 2, 0, 1))(od.ones((8, 3, 4, 5))).shape
    (8, 3, 5, 8)
    """

    _axes = 2


class ZeroPad3D(Pad):
    """Put zeros around volumes; see :func:`odyssey.core.pad`.

    Shapes: (..., D, H, W) in, the same with longer axes out.

    Parameters
    ----------
    padding : int, three of them, six of them or three pairs
        One number for all sides, one for both sides of each axis, or one for each side:
        (left, right, above, below, front, back), or ((front, back), (above, below),
        (left, right)).

    Raises
    ------
    ShapeError
        If the padding has none of these forms, or a number is negative.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.ZeroPad3D((1, 0, 2))(od.ones((8, 3, 4, 5, 6))).shape
    (8, 3, 6, 5, 10)
    """

    _axes = 3


class ConstantPad1D(ConstantPad):
    """Put a number around lines; see :func:`odyssey.core.pad`.

    Shapes: (..., L) in, the same with longer axes out.

    Parameters
    ----------
    padding : int, (before, after) or ((before, after),)
    value : float
        The number.

    Raises
    ------
    ShapeError
        If the padding has none of these forms, or a number is negative.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.ConstantPad1D((1, 2), value=7.0)(od.tensor([[1.0, 2.0, 3.0]]))
    tensor([[7., 1., 2., 3., 7., 7.]])
    """

    _axes = 1


class ConstantPad2D(ConstantPad):
    """Put a number around images; see :func:`odyssey.core.pad`.

    Shapes: (..., H, W) in, the same with longer axes out.

    Parameters
    ----------
    padding : int, (vertical, horizontal), (left, right, above, below) or pairs
        As in :class:`ZeroPad2D`.
    value : float
        The number.

    Raises
    ------
    ShapeError
        If the padding has none of these forms, or a number is negative.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.ConstantPad2D((1, 2, 0, 1), value=7.0)(od.ones((8, 3, 4, 5))).shape
    (8, 3, 5, 8)
    """

    _axes = 2


class ConstantPad3D(ConstantPad):
    """Put a number around volumes; see :func:`odyssey.core.pad`.

    Shapes: (..., D, H, W) in, the same with longer axes out.

    Parameters
    ----------
    padding : int, three of them, six of them or three pairs
        As in :class:`ZeroPad3D`.
    value : float
        The number.

    Raises
    ------
    ShapeError
        If the padding has none of these forms, or a number is negative.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.ConstantPad3D((1, 0, 2), value=7.0)(od.ones((8, 3, 4, 5, 6))).shape
    (8, 3, 6, 5, 10)
    """

    _axes = 3


class ReflectionPad1D(Pad):
    """Continue lines mirrored at their border; see :func:`odyssey.core.pad`.

    Shapes: (..., L) in, the same with longer axes out.

    Parameters
    ----------
    padding : int, (before, after) or ((before, after),)

    Raises
    ------
    ShapeError
        If the padding has none of these forms, or a number is negative.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.ReflectionPad1D(2)(od.tensor([[1.0, 2.0, 3.0]]))
    tensor([[3., 2., 1., 2., 3., 2., 1.]])
    """

    _axes, _mode = 1, "reflect"


class ReflectionPad2D(Pad):
    """Continue images mirrored at their border; see :func:`odyssey.core.pad`.

    Shapes: (..., H, W) in, the same with longer axes out.

    Parameters
    ----------
    padding : int, (vertical, horizontal), (left, right, above, below) or pairs
        As in :class:`ZeroPad2D`.

    Raises
    ------
    ShapeError
        If the padding has none of these forms, or a number is negative.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.ReflectionPad2D((1, 2, 0, 1))(od.ones((8, 3, 4, 5))).shape
    (8, 3, 5, 8)
    """

    _axes, _mode = 2, "reflect"


class ReflectionPad3D(Pad):
    """Continue volumes mirrored at their border; see :func:`odyssey.core.pad`.

    Shapes: (..., D, H, W) in, the same with longer axes out.

    Parameters
    ----------
    padding : int, three of them, six of them or three pairs
        As in :class:`ZeroPad3D`.

    Raises
    ------
    ShapeError
        If the padding has none of these forms, or a number is negative.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.ReflectionPad3D((1, 0, 2))(od.ones((8, 3, 4, 5, 6))).shape
    (8, 3, 6, 5, 10)
    """

    _axes, _mode = 3, "reflect"


class ReplicationPad1D(Pad):
    """Repeat the border of lines; see :func:`odyssey.core.pad`.

    Shapes: (..., L) in, the same with longer axes out.

    Parameters
    ----------
    padding : int, (before, after) or ((before, after),)

    Raises
    ------
    ShapeError
        If the padding has none of these forms, or a number is negative.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.ReplicationPad1D(2)(od.tensor([[1.0, 2.0, 3.0]]))
    tensor([[1., 1., 1., 2., 3., 3., 3.]])
    """

    _axes, _mode = 1, "replicate"


class ReplicationPad2D(Pad):
    """Repeat the border of images; see :func:`odyssey.core.pad`.

    Shapes: (..., H, W) in, the same with longer axes out.

    Parameters
    ----------
    padding : int, (vertical, horizontal), (left, right, above, below) or pairs
        As in :class:`ZeroPad2D`.

    Raises
    ------
    ShapeError
        If the padding has none of these forms, or a number is negative.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.ReplicationPad2D((1, 2, 0, 1))(od.ones((8, 3, 4, 5))).shape
    (8, 3, 5, 8)
    """

    _axes, _mode = 2, "replicate"


class ReplicationPad3D(Pad):
    """Repeat the border of volumes; see :func:`odyssey.core.pad`.

    Shapes: (..., D, H, W) in, the same with longer axes out.

    Parameters
    ----------
    padding : int, three of them, six of them or three pairs
        As in :class:`ZeroPad3D`.

    Raises
    ------
    ShapeError
        If the padding has none of these forms, or a number is negative.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.ReplicationPad3D((1, 0, 2))(od.ones((8, 3, 4, 5, 6))).shape
    (8, 3, 6, 5, 10)
    """

    _axes, _mode = 3, "replicate"


class CircularPad1D(Pad):
    """Continue lines from their opposite side; see :func:`odyssey.core.pad`.

    Shapes: (..., L) in, the same with longer axes out.

    Parameters
    ----------
    padding : int, (before, after) or ((before, after),)

    Raises
    ------
    ShapeError
        If the padding has none of these forms, or a number is negative.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.CircularPad1D(2)(od.tensor([[1.0, 2.0, 3.0]]))
    tensor([[2., 3., 1., 2., 3., 1., 2.]])
    """

    _axes, _mode = 1, "circular"


class CircularPad2D(Pad):
    """Continue images from their opposite side; see :func:`odyssey.core.pad`.

    Shapes: (..., H, W) in, the same with longer axes out.

    Parameters
    ----------
    padding : int, (vertical, horizontal), (left, right, above, below) or pairs
        As in :class:`ZeroPad2D`.

    Raises
    ------
    ShapeError
        If the padding has none of these forms, or a number is negative.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.CircularPad2D((1, 2, 0, 1))(od.ones((8, 3, 4, 5))).shape
    (8, 3, 5, 8)
    """

    _axes, _mode = 2, "circular"


class CircularPad3D(Pad):
    """Continue volumes from their opposite side; see :func:`odyssey.core.pad`.

    Shapes: (..., D, H, W) in, the same with longer axes out.

    Parameters
    ----------
    padding : int, three of them, six of them or three pairs
        As in :class:`ZeroPad3D`.

    Raises
    ------
    ShapeError
        If the padding has none of these forms, or a number is negative.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.CircularPad3D((1, 0, 2))(od.ones((8, 3, 4, 5, 6))).shape
    (8, 3, 6, 5, 10)
    """

    _axes, _mode = 3, "circular"
