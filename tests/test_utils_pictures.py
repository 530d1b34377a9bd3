"""Images that are read, curves that are drawn, and the bar that knows when to be quiet."""

from __future__ import annotations

import io
import math
import subprocess
import sys

import numpy as np
import pytest

from odyssey.errors import FormatError, OdysseyError, ShapeError
from odyssey.utils import plot_curves, plot_training_curves, progress, read_image

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")


# -- read_image --------------------------------------------------------------------------------


def grey(height=3, width=5):
    return (np.arange(height * width, dtype=np.uint8) * 16).reshape(height, width)


@pytest.mark.parametrize("suffix", ["png", "bmp", "pgm", "tiff", "gif"])
def test_grey_images_come_as_they_are(tmp_path, suffix):
    Image.fromarray(grey()).save(tmp_path / f"a.{suffix}")
    image = read_image(tmp_path / f"a.{suffix}")
    assert image.shape == (3, 5) and image.dtype == np.float32
    np.testing.assert_allclose(image, grey() / 255, rtol=1e-6)


def test_colours_are_weighted_as_the_eye_does(tmp_path):
    Image.fromarray(np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)).save(
        tmp_path / "a.png"
    )
    np.testing.assert_allclose(
        read_image(tmp_path / "a.png"), [[0.299, 0.587, 0.114]], atol=2 / 255
    )


def test_transparent_parts_are_laid_on_white(tmp_path):
    pixels = np.array([[[0, 0, 0, 0], [0, 0, 0, 255], [0, 0, 0, 51]]], np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    np.testing.assert_allclose(read_image(tmp_path / "a.png"), [[1, 0, 0.8]], atol=1e-6)


def test_palette_black_and_white_and_16_bit(tmp_path):
    bits = np.array([[True, False, True]])
    Image.fromarray(bits).save(tmp_path / "bits.png")
    assert read_image(tmp_path / "bits.png").tolist() == [[1, 0, 1]]
    Image.fromarray(grey()).convert("P").save(tmp_path / "p.png")
    np.testing.assert_allclose(read_image(tmp_path / "p.png"), grey() / 255, atol=1e-6)
    Image.fromarray(np.array([[0, 13107, 65535]], np.uint16)).save(tmp_path / "deep.png")
    np.testing.assert_allclose(read_image(tmp_path / "deep.png"), [[0, 0.2, 1]], rtol=1e-6)


def test_the_cameras_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to view
    Image.fromarray(grey()).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_allclose(
        read_image(tmp_path / "a.png"), np.rot90(grey(), -1) / 255, rtol=1e-6
    )


def png() -> bytes:
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (40, 50), dtype=np.uint8)
    Image.fromarray(noise).save(buffer, format="png")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it has no known image format"),
        (b"no image at all", "it has no known image format"),
        (png()[:20], ".+"),
        (png()[:-1000], ".+"),
        (png()[:60] + b"\0" * 40 + png()[100:], ".+"),
        (b"P5 20000 20000 255 " + bytes(10), ".+"),
        (b"P5 -3 2 255 " + bytes(10), ".+"),
        (b"GIF89a" + bytes(3), ".+"),
    ],
    ids=["empty", "text", "cut early", "cut late", "scrambled", "bomb", "negative", "gif"],
)
def test_an_unreadable_image_is_named(tmp_path, content, message):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(
        FormatError, match=rf"read_image: .*a\.png is not a readable image: {message}"
    ):
        read_image(tmp_path / "a.png")


def test_a_missing_image_is_named(tmp_path):
    with pytest.raises(FormatError, match=r"read_image: cannot read .*absent\.png: No such file"):
        read_image(tmp_path / "absent.png")


def test_without_pillow_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(OdysseyError, match=r"needs Pillow; .* pip install 'odyssey\[image\]'"):
        read_image("a.png")


# -- plot_training_curves ----------------------------------------------------------------------


HISTORY = {
    "epoch": [1, 2, 3, 4],
    "train_loss": [2.3, 1.0, 0.5, 0.3],
    "test_loss": [2.2, 1.1, 0.7, 0.6],
    "train_accuracy": [0.2, 0.7, 0.85, 0.92],
    "test_accuracy": [0.2, 0.65, 0.8, 0.84],
    "lr": [1, 1, 1, 1],
}


def picture(path):
    with Image.open(path) as file:
        assert file.format == "PNG"
        return np.asarray(file.convert("RGB")).astype(int)


def has_colour(pixels, colour):
    return bool((np.abs(pixels - colour).max(axis=-1) < 12).any())


BLUE, VERMILION = (0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)


def test_both_panels_show_both_curves(tmp_path):
    plot_training_curves(HISTORY, tmp_path / "curves.png")
    pixels = picture(tmp_path / "curves.png")
    for half in np.array_split(pixels, 2, axis=1):
        assert has_colour(half, BLUE) and has_colour(half, VERMILION)


def test_what_is_missing_is_not_drawn(tmp_path):
    plot_training_curves({"train_loss": [1.0, 0.5]}, tmp_path / "one.png")
    plot_training_curves(HISTORY, tmp_path / "both.png")
    one, both = picture(tmp_path / "one.png"), picture(tmp_path / "both.png")
    assert has_colour(one, BLUE) and not has_colour(one, VERMILION)
    assert one.shape[1] * 2 == both.shape[1]


@pytest.mark.parametrize(
    "values",
    [[0.5], [math.nan, 0.5, math.inf], [math.nan, math.nan], [1.0] * 100, [0.0, 0.0]],
    ids=["one epoch", "gaps", "nothing finite", "many", "flat"],
)
def test_odd_histories_are_drawn_without_a_warning(tmp_path, values):
    plot_training_curves({"train_loss": values, "test_accuracy": values}, tmp_path / "a.png")
    assert picture(tmp_path / "a.png").shape[0] > 100


@pytest.mark.parametrize(
    ("history", "message"),
    [
        ({}, r"expected at least one epoch of train_loss, .* got \[\]"),
        ({"loss": [1.0]}, r"expected at least one epoch .* got \['loss'\]"),
        ({"train_loss": []}, r"expected at least one epoch .* got \{'train_loss': 0\}"),
        (
            {"train_loss": [1, 2], "test_loss": [1, 2, 3]},
            "one value an epoch in every curve, got train_loss: 2, test_loss: 3",
        ),
        ({"train_loss": [1, 2], "epoch": [1]}, "got train_loss: 2, epoch: 1"),
    ],
)
def test_a_history_that_cannot_be_drawn_is_named(tmp_path, history, message):
    with pytest.raises(ShapeError, match=f"plot_training_curves: .*{message}"):
        plot_training_curves(history, tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


def test_pyplot_is_left_alone(tmp_path):
    # A fresh interpreter: another test may have imported pyplot.
    code = (
        "import sys; from odyssey.utils.visualization import plot_training_curves as plot;"
        "assert 'matplotlib' not in sys.modules;"
        f"plot({{'train_loss': [1, 2]}}, {str(tmp_path / 'a.png')!r});"
        "assert 'matplotlib' in sys.modules and 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# -- plot_curves -------------------------------------------------------------------------------


def test_curves_have_colours_labels_and_a_legend_if_there_are_several(tmp_path):
    plot_curves({"a": [1, 2, 3], "b": [3, 2]}, "step", "rate", tmp_path / "a.png")
    pixels = picture(tmp_path / "a.png")
    assert has_colour(pixels, BLUE) and has_colour(pixels, VERMILION)
    axes = plot_curves({"a": [1, 2, 3], "b": [3, 2]}, "step", "rate").axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("step", "rate")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a", "b"]
    assert [line.get_xydata().tolist() for line in axes.get_lines()] == [
        [[0, 1], [1, 2], [2, 3]],
        [[0, 3], [1, 2]],
    ]
    assert plot_curves({"a": [1]}, "step", "rate").axes[0].get_legend() is None


def test_twenty_curves_look_different():
    lines = plot_curves({str(i): [i, 2] for i in range(20)}, "x", "y").axes[0].get_lines()
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 20


def test_scales_places_and_marks_are_those_asked_for():
    figure = plot_curves(
        {"a": [1, 10]}, "x", "y", log_x=True, log_y=True, x=[0.1, 10, 20], marks={"here": 3.0}
    )
    axes = figure.axes[0]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    curve, mark = axes.get_lines()
    assert curve.get_xdata().tolist() == [0.1, 10] and list(mark.get_xdata()) == [3, 3]
    assert axes.texts[0].get_text() == "here"


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("values", [[0.5], [math.nan, -1, math.inf, 2], [math.nan], [0.0, 0.0]])
def test_odd_curves_are_drawn_without_a_warning(tmp_path, values, log):
    plot_curves({"a": values}, "x", "y", tmp_path / "a.png", log_x=log, log_y=log)
    assert picture(tmp_path / "a.png").shape[0] > 100


@pytest.mark.parametrize(
    ("curves", "x", "message"),
    [
        ({}, None, r"expected at least one value to draw, got \{\}"),
        ({"a": []}, None, "expected at least one value to draw, got {'a': "),
        ({"a": [1, 2, 3]}, [1, 2], "x has 2 values, but a curve has 3"),
    ],
)
def test_curves_that_cannot_be_drawn_are_named(curves, x, message):
    with pytest.raises(ShapeError, match=f"plot_curves: {message}"):
        plot_curves(curves, "x", "y", x=x)


# -- progress ----------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_is_quiet_where_nobody_watches(capsys):
    bar = progress(range(3), description="epoch 1")
    for _ in bar:
        bar.set_postfix(loss=0.5)
    bar.close()
    assert capsys.readouterr() == ("", "")


def test_progress_shows_itself_on_a_terminal(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    bar = progress((i for i in range(3)), total=3, description="epoch 1")
    bar.set_postfix(loss=0.5)
    assert list(bar) == [0, 1, 2]
    assert "epoch 1" in terminal.getvalue() and "loss=0.5" in terminal.getvalue()
    assert "/3" in terminal.getvalue()


def test_progress_is_the_function_whoever_was_imported_first():
    code = (
        "import sys, odyssey.utils.progress; from odyssey.utils import progress;"
        "assert list(progress([1, 2])) == [1, 2];"
        "import odyssey.utils as utils;"
        "assert all(callable(getattr(utils, name)) for name in utils.__all__);"
        "assert not hasattr(utils, 'nonsense')"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_utils_loads_nothing_heavy():
    code = (
        "import sys, odyssey.utils, odyssey.utils.serialization, odyssey.utils.config;"
        "heavy = {'yaml', 'safetensors', 'tqdm', 'matplotlib', 'PIL'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
