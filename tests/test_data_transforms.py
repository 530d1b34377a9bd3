"""Random transforms: what they may give, how often, and that the loader makes them repeatable."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import odyssey as od
from odyssey.data import DataLoader
from odyssey.data.datasets import Digits
from odyssey.data.transforms import RandomCrop, RandomHorizontalFlip
from odyssey.errors import OdysseyError, ShapeError
from odyssey.utils.random import drawing_from, generator

IMAGE = np.arange(2 * 3 * 4, dtype=np.float32).reshape(2, 3, 4)


def test_a_crop_is_every_window_equally_often():
    crop = RandomCrop((2, 3), padding=(1, 0), fill=-1)
    padded = np.full((2, 5, 4), -1, np.float32)
    padded[:, 1:4] = IMAGE
    windows = {
        padded[:, i : i + 2, j : j + 3].tobytes(): (i, j) for i in range(4) for j in range(2)
    }
    with drawing_from(generator(0)):
        seen = Counter(windows[crop(IMAGE).tobytes()] for _ in range(1600))
    assert len(seen) == 8
    # 1600 draws of 8: 200 each, give or take four standard deviations of 13.
    assert all(abs(count - 200) < 53 for count in seen.values())


def test_a_crop_keeps_dtype_and_leaves_the_image():
    before = IMAGE.copy()
    out = RandomCrop(3, padding=2)(IMAGE)
    assert out.dtype == IMAGE.dtype and out.shape == (2, 3, 3)
    np.testing.assert_array_equal(IMAGE, before)
    assert RandomCrop((3, 4))(IMAGE).tobytes() == IMAGE.tobytes()


def test_a_flip_is_as_frequent_as_it_should_be():
    with drawing_from(generator(1)):
        flip = RandomHorizontalFlip(0.25)
        flipped = sum((flip(IMAGE) != IMAGE).any() for _ in range(1600))
    assert abs(flipped - 400) < 4 * 17.4
    np.testing.assert_array_equal(RandomHorizontalFlip(1)(IMAGE), IMAGE[:, :, ::-1])
    assert RandomHorizontalFlip(0)(IMAGE) is IMAGE


def test_a_loader_gives_the_same_pieces_for_the_same_seed_and_epoch():
    def batches(seed, epoch):
        transform = RandomCrop(8, padding=2)
        loader = DataLoader(Digits("test", transform), 50, shuffle=True, seed=seed)
        loader.set_epoch(epoch)
        od.randn(3)  # the process's own numbers make no difference
        return np.concatenate([images.numpy() for images, _ in loader])

    assert (batches(0, 0) == batches(0, 0)).all()
    assert (batches(0, 0) != batches(0, 1)).any() and (batches(0, 0) != batches(1, 0)).any()


def test_what_cannot_be_is_told():
    with pytest.raises(ShapeError, match=r"RandomCrop: size \(5, 5\) is larger than the padded"):
        RandomCrop(5)(IMAGE)
    with pytest.raises(ShapeError, match="RandomCrop: size must be at least 1, got 0"):
        RandomCrop(0)
    with pytest.raises(ShapeError, match="RandomCrop: padding must be at least 0, got -1"):
        RandomCrop(3, padding=-1)
    with pytest.raises(OdysseyError, match=r"p must lie in \[0, 1\], got 1.5"):
        RandomHorizontalFlip(1.5)
