"""Copies between memory layouts, against NumPy: bytes are bytes, so nothing may differ."""

import numpy as np
import pytest

import odyssey as od
from odyssey import fast, reference

kernels = pytest.mark.skipif(not fast.LEVEL, reason="nothing was compiled in this installation")

DTYPES = ["bool", "uint8", "int16", "float16", "float32", "uint32", "float64", "int64", "complex64"]
LENGTHS = [1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 33, 64, 65, 130, 300]


def some_bytes(rng, shape, dtype):
    """Return an array of random bits: NaNs with payloads are among them."""
    dtype = np.dtype(dtype)
    numbers = rng.integers(0, 256, (*shape, dtype.itemsize), np.uint8)
    return (numbers % 2 if dtype.kind == "b" else numbers).view(dtype).reshape(shape)


def some_layout(rng, dtype):
    """Return an array with axes in any order, some of them strided, reversed or repeated."""
    shape = [int(rng.choice(LENGTHS)) for _ in range(rng.integers(1, 6))]
    while np.prod(shape) > 60_000:
        longest = int(np.argmax(shape))
        shape[longest] //= 2
    steps = [int(rng.choice([1, 1, 1, 2, 3])) for _ in shape]
    order = rng.permutation(len(shape))
    wide = some_bytes(rng, [shape[i] * steps[i] for i in order], dtype)
    if rng.random() < 0.2:  # not aligned
        memory = np.zeros(wide.nbytes + 1, np.uint8)
        memory[1:] = wide.reshape(-1).view(np.uint8)
        wide = memory[1:].view(dtype).reshape(wide.shape)
    x = wide.transpose(np.argsort(order))
    x = x[tuple(slice(None, None, step if rng.random() < 0.8 else -step) for step in steps)]
    axis = int(rng.integers(len(shape)))
    if rng.random() < 0.2:
        x = np.broadcast_to(x.take([0], axis), x.shape)
    return x


def check(x, order="C", kernel=None):
    """Check a copy: values, memory of its own, and the order of its axes in it."""
    y = (kernel or fast.copy)(x, order)
    what = f"shape {x.shape}, strides {x.strides}, {x.dtype}, {order}"
    assert (y.shape, y.dtype) == (x.shape, x.dtype), what
    assert y.tobytes() == x.tobytes(), what
    assert not np.may_share_memory(x, y), what
    dense = y if order == "C" else y.transpose(0, 2, 3, 1)
    assert dense.flags.c_contiguous and y.flags.writeable and y.flags.aligned, what


@kernels
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("seed", range(4))
def test_any_layout(dtype, seed):
    rng = np.random.default_rng(seed)
    for _ in range(60):
        x = some_layout(rng, dtype)
        check(x)
        if x.ndim == 4:
            check(x, "channels_last")


@kernels
@pytest.mark.parametrize("dtype", ["uint8", "float16", "float32", "float64"])
def test_results_that_no_cache_holds(dtype):
    """These are stored past the cache, where their rows begin with a line and where not."""
    rng = np.random.default_rng(1)
    side = int(((17 << 20) / np.dtype(dtype).itemsize) ** 0.5)
    for rows, columns in ((side // 64 * 64 + 64, side // 64 * 64 + 128), (side + 1, side + 3)):
        x = some_bytes(rng, (rows, columns), dtype)
        for view in (x, x.T, x[:, 1:], x[::-1, 5:].T, x[:, ::2], x[::2].T):
            check(view)
    images = some_bytes(rng, (3, 64, side // 16 + 1, side // 12 + 1), dtype)
    check(images, "channels_last")
    check(images[:, :3].repeat(21, 1), "channels_last")


@kernels
@pytest.mark.parametrize(
    "x",
    [
        np.arange(6000).astype(">f4").reshape(60, 100).T,
        np.arange(6000).astype("M8[s]").reshape(60, 100).T,
        np.arange(6000).astype("complex128").reshape(60, 100).T,
        np.arange(6000).astype("longdouble").reshape(60, 100).T,
        np.array([None, "two", 3, (4,)] * 1500, dtype=object)[:6000].reshape(60, 100).T,
        np.array(["a", "bcd"] * 3000).reshape(60, 100).T,
        np.zeros((60, 100), [("a", "i1"), ("b", "f4")]).T,
    ],
    ids=lambda x: str(x.dtype),
)
def test_what_is_numpys(x):
    for kernel in (fast.copy, reference.copy):
        y = kernel(x)
        assert y.dtype == x.dtype and y.flags.c_contiguous and (y == x).all()
        images = x.reshape(10, 5, 12, 10)
        y = kernel(images, "channels_last")
        assert y.transpose(0, 2, 3, 1).flags.c_contiguous and (y == images).all()


@kernels
def test_a_copy_stands_on_the_pool():
    od.memory.reset_peak_memory_stats()
    before = od.memory_stats()["allocated_bytes"]
    x = np.zeros((300, 200), np.uint8).T
    y = fast.copy(x)
    assert od.memory_stats()["allocated_bytes"] - before >= y.nbytes and y.flags.owndata


# -- conversions -------------------------------------------------------------------------------


def test_every_float16_is_widened_and_found_again():
    """All of its bit patterns; and what lies between two of them goes to the nearest."""
    halves = np.arange(2**16, dtype=np.uint16).view(np.float16)
    with np.errstate(invalid="ignore"):
        wide = halves.astype(np.float32)
    found = fast.convert(halves, "float32")
    assert np.array_equal(found, wide, equal_nan=True)
    numbers = np.isfinite(halves)
    again = fast.convert(found, "float16")
    assert again[numbers].tobytes() == halves[numbers].tobytes()
    finite = np.unique(wide[numbers])
    near = [finite[:-1] + np.diff(finite) * share for share in (0.25, 0.5, 0.75)]
    for between in (np.nextafter(near[1], -np.inf), *near, np.nextafter(near[1], np.inf)):
        between = between.astype(np.float32)
        assert np.array_equal(fast.convert(between, "float16"), between.astype(np.float16))


def test_beyond_float16_is_infinite():
    x = np.array([65519, 65520, -65520, 1e9, -np.inf] * 9, np.float32)
    for kernel in (fast.convert, reference.convert):
        assert kernel(x, "float16").tolist() == [65504, np.inf, -np.inf, np.inf, -np.inf] * 9


@pytest.mark.parametrize("shape", [(363, 364), (5, 7, 31, 33)])
def test_astype_keeps_the_order_of_the_axes(shape):
    """Whether the kernel converts or NumPy does, as with gaps in memory."""
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    views = [x, x.T, np.moveaxis(x, 1, -1), x[::2], np.broadcast_to(x[:1], shape)]
    for one in views:
        for given, wanted in (("float32", "float16"), ("float16", "float32")):
            given = one.astype(given) if given == "float16" else one
            y = od.core.astype(given, wanted)
            assert y.dtype == wanted and np.array_equal(y, given.astype(wanted))
            assert y.strides == given.astype(wanted).strides
            assert not np.may_share_memory(y, given)


# -- the operations of core that copy ----------------------------------------------------------


class Calls:
    """Counts the calls of the kernel."""

    def __init__(self, monkeypatch):
        self.orders = []
        self.kernel = od.backend.kernel
        monkeypatch.setattr("odyssey.core._copies.kernel", self.look_up)

    def look_up(self, name):
        assert name == "copy"

        def copy(x, order="C"):
            self.orders.append(order)
            return self.kernel(name)(x, order)

        return copy


@pytest.fixture
def calls(monkeypatch):
    return Calls(monkeypatch)


@kernels
def test_reshape_copies_by_the_kernel_only_where_there_is_no_view(calls):
    x = od.randn((120, 130))
    assert np.shares_memory(od.core.reshape(x, (60, 260)).numpy(), x.numpy())
    every_second = od.from_numpy(np.zeros((120, 130, 2), np.float32)[..., 0])
    assert np.shares_memory(
        od.core.reshape(every_second, (60, 2, 130)).numpy(), every_second.numpy()
    )
    assert calls.orders == []
    for flat in (od.core.reshape(x.T, -1), od.core.flatten(x.T, 0)):
        assert flat.numpy().tobytes() == x.numpy().T.tobytes()
    assert calls.orders == ["C"] * 2
    with pytest.raises(od.errors.ShapeError, match="reshape: x has 15600 elements"):
        od.core.reshape(x.T, (7, 7))


@kernels
def test_copies_keep_the_order_of_axes(calls):
    images = np.random.default_rng(0).standard_normal((2, 9, 30, 40)).astype(np.float32)
    for array, order in (
        (images, "C"),
        (fast.copy(images, "channels_last"), "channels_last"),
        (images.transpose(1, 0, 3, 2), None),
    ):
        for copy in (od.tensor(array), od.tensor(array, np.float32), od.from_numpy(array).copy()):
            assert copy.numpy().tobytes() == array.tobytes()
            assert copy.numpy().strides == np.array(array).strides
            assert not np.may_share_memory(copy.numpy(), array)
        assert calls.orders == [order] * 3 * (order is not None)
        calls.orders.clear()


@kernels
def test_labels_of_pixels(calls):
    """The classes are axis 1: the scores are laid out pixel by pixel, then each row is one run."""
    rng = np.random.default_rng(0)
    x = od.tensor(rng.standard_normal((3, 5, 40, 30)), requires_grad=True)
    calls.orders.clear()
    labels = rng.integers(0, 5, (3, 40, 30))
    od.core.cross_entropy(x, labels).backward()
    assert calls.orders == ["C"] * 2
    rows = od.tensor(x.numpy().transpose(0, 2, 3, 1).reshape(-1, 5), requires_grad=True)
    od.core.cross_entropy(rows, labels.reshape(-1)).backward()
    np.testing.assert_array_equal(
        x.grad.numpy().transpose(0, 2, 3, 1).reshape(-1, 5), rows.grad.numpy()
    )
