"""The datasets: what they hold, how they are indexed, and what they refuse."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from odyssey.data import Dataset, Subset, TensorDataset
from odyssey.data.datasets import MNIST, Digits
from odyssey.data.formats import read_idx, write_idx
from odyssey.errors import DTypeError, FormatError, OdysseyError, ShapeError

# -- Digits ------------------------------------------------------------------------------------


def test_digits_sizes_and_dtypes():
    for split, n in (("train", 1437), ("test", 360)):
        digits = Digits(split)
        assert len(digits) == n
        assert digits.images.shape == (n, 1, 8, 8) and digits.images.dtype == np.float32
        assert digits.labels.shape == (n,) and digits.labels.dtype == np.int64
        assert digits.images.min() == 0 and digits.images.max() == 1
        assert np.array_equal(digits.images * 16, np.round(digits.images * 16))
        assert digits.classes == tuple("0123456789")


def test_digits_split_is_stratified_and_parts_the_images():
    train, test = Digits("train"), Digits("test")
    assert np.bincount(test.labels).tolist() == [36] * 10
    want = [142, 146, 141, 147, 145, 146, 145, 143, 138, 144]  # UCI's counts, less 36
    assert np.bincount(train.labels).tolist() == want
    # All 1,797 images differ, so that equal images on both sides would show as fewer.
    both = np.concatenate([train.images, test.images]).reshape(1797, 64)
    assert len(np.unique(both, axis=0)) == 1797


def test_digits_split_is_fixed():
    # Figures of models are compared across versions, so that the split must never move.
    test = Digits("test")
    digest = hashlib.sha256((test.images * 16).astype(np.uint8).tobytes())
    digest.update(test.labels.astype(np.uint8).tobytes())
    assert digest.hexdigest() == "84512dd21d972066e02bbcdd982171ca679c97c5eec65ebe674677b30eeb981c"


def test_digits_is_what_uci_gives():
    folder = Path(__file__).parent.parent / "odyssey/data/datasets/_digits"
    if not folder.is_dir():
        pytest.skip("odyssey is installed elsewhere than beside its tests")
    images = read_idx(folder / "digits-images-idx3-ubyte.gz")
    labels = read_idx(folder / "digits-labels-idx1-ubyte.gz")
    assert images[0].tolist() == [
        [0, 0, 5, 13, 9, 1, 0, 0],
        [0, 0, 13, 15, 10, 15, 5, 0],
        [0, 3, 15, 2, 0, 11, 8, 0],
        [0, 4, 12, 0, 0, 8, 8, 0],
        [0, 5, 8, 0, 0, 9, 8, 0],
        [0, 4, 11, 0, 1, 12, 7, 0],
        [0, 2, 14, 5, 10, 12, 0, 0],
        [0, 0, 6, 13, 10, 0, 0, 0],
    ]
    assert labels[:12].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert "CC BY 4.0" in (folder / "ATTRIBUTION.md").read_text()


def test_digits_indexing():
    digits = Digits("test")
    image, label = digits[5]
    assert image.shape == (1, 8, 8) and image.dtype == np.float32
    assert label == digits.labels[5]
    images, labels = digits[3:9:2]
    np.testing.assert_array_equal(images, digits.images[[3, 5, 7]])
    np.testing.assert_array_equal(labels, digits.labels[[3, 5, 7]])
    images, labels = digits[np.array([8, -1, 8])]
    np.testing.assert_array_equal(images, digits.images[[8, 359, 8]])
    np.testing.assert_array_equal(labels, digits.labels[[8, 359, 8]])
    with pytest.raises(IndexError):
        digits[360]


def test_a_transform_sees_each_image_and_leaves_images_alone():
    plain = Digits("test")
    flipped = Digits("test", transform=lambda image: image[:, :, ::-1].reshape(-1))
    want = plain.images[4, :, :, ::-1].reshape(64)
    np.testing.assert_array_equal(flipped[4][0], want)
    np.testing.assert_array_equal(flipped[np.array([0, 4])][0][1], want)
    assert flipped[2:5][0].shape == (3, 64)
    np.testing.assert_array_equal(flipped.images, plain.images)


def test_digits_are_a_dataset_and_name_a_wrong_split():
    assert isinstance(Digits("test"), Dataset)
    with pytest.raises(OdysseyError, match="Digits: split: expected 'train' or 'test', got 'val'"):
        Digits("val")


# -- MNIST -------------------------------------------------------------------------------------

NAMES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Return a folder with a small set in MNIST's files: gzipped to train on, else plain."""
    monkeypatch.delenv("ODYSSEY_DATA", raising=False)
    rng = np.random.default_rng(3)
    for split, n, suffix in (("train", 7, ".gz"), ("test", 4, "")):
        images, labels = NAMES[split]
        pixels = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        write_idx(tmp_path / (images + suffix), pixels)
        write_idx(tmp_path / (labels + suffix), np.arange(3, 3 + n, dtype=np.uint8))
    return tmp_path


def test_mnist_reads_both_splits(small):
    for split, n, suffix in (("train", 7, ".gz"), ("test", 4, "")):
        data = MNIST(small, split)
        assert len(data) == n and data.images.shape == (n, 1, 28, 28)
        assert data.images.dtype == np.float32 and data.labels.dtype == np.int64
        pixels = read_idx(small / (NAMES[split][0] + suffix))
        np.testing.assert_allclose(data.images[:, 0], pixels / 255, rtol=1e-6)
        assert data.labels.tolist() == list(range(3, 3 + n))


@pytest.mark.parametrize("inner", ["", "mnist"])
def test_mnist_takes_its_root_from_the_environment(small, monkeypatch, inner):
    root = small
    if inner:
        root = small / "data"
        root.mkdir()
        (root / inner).symlink_to(small, target_is_directory=True)
    monkeypatch.setenv("ODYSSEY_DATA", str(root))
    assert len(MNIST(split="test")) == 4


def test_mnist_knows_the_names_with_a_dot(small):
    for name in NAMES["test"]:
        (small / name).rename(small / name.replace("-idx", ".idx"))
    assert len(MNIST(small, "test")) == 4


def test_mnist_names_a_missing_file_and_says_how_to_get_it(small):
    (small / "train-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(
        FormatError,
        match=r"MNIST: no file train-labels-idx1-ubyte\[\.gz\] in .* or .*mnist\. Download the",
    ):
        MNIST(small)


@pytest.mark.parametrize("value", [None, ""])
def test_mnist_without_a_root(monkeypatch, value):
    monkeypatch.delenv("ODYSSEY_DATA", raising=False)
    if value is not None:
        monkeypatch.setenv("ODYSSEY_DATA", value)
    with pytest.raises(FormatError, match="expected a root folder or ODYSSEY_DATA, got neither"):
        MNIST()


def test_mnist_files_mixed_up(small):
    images, labels = (small / name for name in NAMES["test"])
    images.rename(small / "x")
    labels.rename(images)
    (small / "x").rename(labels)
    with pytest.raises(
        FormatError,
        match=r"t10k-labels\S+ is mislabelled: expected labels, uint8 of shape \(N,\), "
        r"got uint8 of shape \(4, 28, 28\), which looks like images",
    ):
        MNIST(small, "test")


def test_mnist_labels_in_place_of_images(small):
    images, labels = (small / name for name in NAMES["test"])
    images.write_bytes(labels.read_bytes())
    with pytest.raises(
        FormatError, match=r"t10k-images\S+ is mislabelled: expected images.* looks like labels"
    ):
        MNIST(small, "test")


def test_mnist_files_of_different_sets(small):
    labels = small / NAMES["test"][1]
    labels.write_bytes((small / "train-labels-idx1-ubyte.gz").read_bytes())
    with pytest.raises(FormatError, match=r"has 4 images but .* has 7 labels: they are mislab"):
        MNIST(small, "test")


@pytest.mark.parametrize(
    ("which", "array", "message"),
    [
        (0, np.zeros((4, 28, 32), np.uint8), r"expected images of 28x28 pixels, got 28x32"),
        (0, np.zeros((4, 28, 28), np.float32), r"is mislabelled: .* got float32 of shape"),
        (1, np.array([0, 9, 10, 3], np.uint8), r"labels from 0 to 9, got 10 at index 2"),
        (1, np.array([0, 9, 1, 3], np.int32), r"is mislabelled: .* got int32 of shape \(4,\)"),
    ],
)
def test_mnist_content_that_is_not_mnist(small, which, array, message):
    write_idx(small / NAMES["test"][which], array)
    with pytest.raises(FormatError, match=message):
        MNIST(small, "test")


def test_mnist_truncated_file_is_named(small):
    path = small / NAMES["test"][0]
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(FormatError, match=r"t10k-images-idx3-ubyte is truncated: expected 3136 by"):
        MNIST(small, "test")


def test_mnist_names_a_wrong_split(small):
    with pytest.raises(OdysseyError, match="MNIST: split: expected 'train' or 'test', got 't10k'"):
        MNIST(small, "t10k")


@pytest.mark.parametrize(
    ("split", "n", "mean"), [("train", 60000, 0.1307), ("test", 10000, 0.1325)]
)
def test_the_real_mnist(split, n, mean):
    root = os.environ.get("ODYSSEY_DATA")
    if not root or not any(Path(root).glob("**/t10k-images*")):
        pytest.skip("ODYSSEY_DATA names no folder with the MNIST files")
    data = MNIST(split=split)
    assert data.images.shape == (n, 1, 28, 28)
    assert data.images.mean(dtype=np.float64) == pytest.approx(mean, abs=5e-5)
    first = {"train": [5, 0, 4, 1, 9], "test": [7, 2, 1, 0, 4]}[split]
    assert data.labels[:5].tolist() == first


# -- TensorDataset and Subset ------------------------------------------------------------------


def test_tensor_dataset_keeps_rows_together():
    x, y = np.arange(12.0).reshape(4, 3), np.array([5, 6, 7, 8])
    data = TensorDataset(x, y)
    assert len(data) == 4 and data.arrays[0] is x
    row, label = data[2]
    assert row.tolist() == [6, 7, 8] and label == 7
    rows, labels = data[np.array([3, 0])]
    assert rows.tolist() == [[9, 10, 11], [0, 1, 2]] and labels.tolist() == [8, 5]


def test_tensor_dataset_takes_what_holds_an_array():
    class Held:
        def __init__(self, data):
            self.data = data

    x = np.arange(3.0)
    assert TensorDataset(Held(x)).arrays[0] is x


@pytest.mark.parametrize(
    ("arrays", "error", "message"),
    [
        ((), ShapeError, "expected at least one array, got none"),
        (
            (np.zeros((4, 2)), np.zeros(3)),
            ShapeError,
            r"expected arrays of equal length along axis 0, got shapes \(4, 2\), \(3,\)",
        ),
        (
            (np.zeros(()),),
            ShapeError,
            r"expected arrays of equal length along axis 0, got shapes \(\)",
        ),
        ((np.zeros(2), [1, 2]), DTypeError, "array 1: expected an ndarray or a Tensor, got list"),
    ],
)
def test_tensor_dataset_names_what_does_not_fit(arrays, error, message):
    with pytest.raises(error, match=f"TensorDataset: {message}"):
        TensorDataset(*arrays)


def test_subset():
    data = TensorDataset(np.array([10, 11, 12, 13, 14]))
    part = Subset(data, [4, 0, -2, 4])
    assert len(part) == 4 and part.array_indexing
    assert [item[0] for item in part] == [14, 10, 13, 14]
    assert part[2] == (13,) and part[-3] == (10,)
    assert part[np.array([1, 3])][0].tolist() == [10, 14]
    assert part[1:3][0].tolist() == [10, 13]
    inner = Subset(part, np.array([2, 1], dtype=np.uint8))
    assert [item[0] for item in inner] == [13, 10]
    assert len(Subset(data, [])) == 0


def test_subset_of_a_list_goes_item_by_item():
    part = Subset(["a", "b", "c"], [2, 0])
    assert not part.array_indexing
    assert part[0] == "c" and list(part) == ["c", "a"]


@pytest.mark.parametrize(
    ("indices", "error", "message"),
    [
        ([0, 5], ShapeError, "expected indices from -5 to 4 for 5 items, got 0 to 5"),
        ([-6], ShapeError, "expected indices from -5 to 4 for 5 items, got -6 to -6"),
        ([[0, 1]], ShapeError, r"expected 1-d indices, got shape \(1, 2\)"),
        ([0.5], DTypeError, "indices are float64, expected integers"),
        (np.ones(5, dtype=bool), DTypeError, "indices are bool, expected integers"),
    ],
)
def test_subset_names_wrong_indices(indices, error, message):
    with pytest.raises(error, match=f"Subset: {message}"):
        Subset(TensorDataset(np.arange(5)), indices)
