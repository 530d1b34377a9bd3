"""The UCI handwritten digits: small, real, and bundled with odyssey."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from odyssey.data.datasets.images import ImageDataset, Transform, check_split
from odyssey.data.formats.idx import read_idx

__all__ = ["Digits"]

_FOLDER = Path(__file__).parent / "_digits"
_TEST_PER_CLASS = 36


class Digits(ImageDataset):
    """Handwritten digits, 8x8 pixels: 1,437 to train on and 360 to test with.

    The 1,797 images of the test part of "Optical Recognition of Handwritten
    Digits" [1]_, by 13 writers, 174 to 183 of each digit. A pixel counts the
    inked ones among 4x4 pixels of the scan, 0 to 16.

    The split is fixed, and holds 36 test images of each digit: of a digit's n
    images, counted from 0 in the order of the source, those with the numbers
    ``k * n // 36`` for k = 0 to 35, which is about every fifth. Both parts keep
    the order of the source. Both hold every writer, so the test tells how well
    new digits by known hands are read, not how well unknown hands are.

    Parameters
    ----------
    split : {"train", "test"}
        Which part.
    transform : callable, optional
        ``transform(image)`` is applied to each image when it is indexed.

    Attributes
    ----------
    images : ndarray, shape (N, 1, 8, 8), float32
        From 0, paper, to 1, ink; multiples of 1/16.
    labels : ndarray, shape (N,), int64
        From 0 to 9.
    classes : tuple of str
        "0" to "9".

    Raises
    ------
    OdysseyError
        If `split` is neither of the two.
    FormatError
        If the bundled files are damaged or missing.

    References
    ----------
    .. [1] E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten
       Digits", UCI Machine Learning Repository, 1998.
       https://doi.org/10.24432/C50P49, CC BY 4.0.

    Examples
    --------
    >>> digits = Digits("test")
    >>> digits
    Digits(360 images of 1x8x8, 10 classes)
    >>> image, label = digits[7]
    >>> digits.classes[label]
    '7'
    >>> for row in image[0]:
    ...     print("".join(".-+*#"[round(4 * ink)] for ink in row))
    ..++*##.
    ..++-**.
    ....+*..
    .-++##+.
    ..*##-..
    ...#-...
    ..+#....
    ..*-....
    """

    def __init__(self, split: str = "train", transform: Transform | None = None) -> None:
        check_split("Digits", split)
        pixels = read_idx(_FOLDER / "digits-images-idx3-ubyte.gz")
        labels = read_idx(_FOLDER / "digits-labels-idx1-ubyte.gz").astype(np.int64)

        is_test = np.zeros(len(labels), dtype=bool)
        for digit in range(10):
            places = np.flatnonzero(labels == digit)
            is_test[places[np.arange(_TEST_PER_CLASS) * len(places) // _TEST_PER_CLASS]] = True
        chosen = is_test if split == "test" else ~is_test

        images = pixels[chosen, np.newaxis].astype(np.float32) / np.float32(16)
        super().__init__(images, labels[chosen], list("0123456789"), transform)
