"""The report of a run: a page that is whole, safe, and readable for everybody."""

from __future__ import annotations

import base64
import io
import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

import odyssey as od
from odyssey import nn
from odyssey.data import DataLoader, TensorDataset, datasets
from odyssey.errors import OdysseyError, ShapeError
from odyssey.training import Trainer, metrics, optimizers
from odyssey.training.callbacks import HTMLReport, LRMonitor, Timer
from odyssey.training.report import examine, write_report
from odyssey.utils import save_config
from odyssey.utils.plots_report import image_uri, line_chart, png

VOID = {"meta", "img", "path", "circle", "br"}
HOSTILE = "</td><script>alert(1)</script><img src=x onerror=alert(2)>\"'&"


class Page(HTMLParser):
    """Elements with their attributes, the text, and whether everything that opens closes."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.text, self.open = [], "", []
        self.feed(text)
        self.close()
        assert self.open == [], self.open

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.text += data + "\n"

    def of(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def made(*callbacks, epochs=3, name="ok"):
    od.manual_seed(0)
    model = od.models.mlp((1, 8, 8), 10)
    trainer = Trainer(
        model,
        optimizers.Adam(model.parameters(), lr=0.003),
        metrics={"accuracy": metrics.Accuracy()},
        callbacks=callbacks,
    )
    loader = DataLoader(datasets.Digits("train"), 64, shuffle=True)
    trainer.fit(loader, DataLoader(datasets.Digits("test"), 100), epochs=epochs)
    return trainer


@pytest.fixture(scope="module")
def trainer():
    return made(Timer(), LRMonitor())


@pytest.fixture
def written(trainer, tmp_path):
    folder = tmp_path / "my-run"
    folder.mkdir()
    save_config({"model": "mlp", "optimizer": {"lr": 0.003}}, folder / "config.yaml")
    path = write_report(folder, trainer)
    assert path == folder / "report.html"
    return path.read_text(encoding="utf-8")


def test_the_page_needs_nothing_but_itself(written):
    page = Page(written)
    assert not page.of("script") and not page.of("link") and not page.of("iframe")
    for tag, attributes in page.elements:
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            if name in ("src", "href", "xlink:href", "action", "data", "srcset"):
                assert value.startswith(("data:image/png;base64,", "#")), (tag, value[:40])
    assert not re.search(r"https?://|@import|url\(", written)


def test_links_lead_to_sections(written):
    page = Page(written)
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    links = [attributes["href"][1:] for attributes in page.of("a")]
    assert len(set(ids)) == len(ids) and links == ids
    expected = "curves confusions classes examples epochs timings model training configuration"
    assert ids == [*expected.split(), "system"]


def test_everybody_can_read_it(written):
    page = Page(written)
    images, charts = page.of("img"), page.of("svg")
    assert len(images) == 24 and all("true: " in image["alt"] for image in images)
    assert len({image["alt"] for image in images}) == 24
    assert len(charts) == 4  # loss, accuracy, rate, seconds
    assert all(chart["role"] == "img" and len(chart["aria-label"]) > 30 for chart in charts)
    assert len(page.of("caption")) == len(page.of("table")) >= 6
    assert all(cell.get("scope") in ("row", "col") for cell in page.of("th"))
    assert page.of("html") == [{"lang": "en"}] and len(page.of("h1")) == 1
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.of("meta")
    assert "prefers-color-scheme:dark" in written
    scrolling = [one for one in page.of("div") if one.get("class") == "scroll"]
    assert all(one["tabindex"] == "0" and one["aria-label"] for one in scrolling)


def test_it_tells_what_was_measured(written, trainer):
    text = Page(written).text
    last = trainer.history[-1]
    assert "my-run" in text and f"{last['val_accuracy']:.2%}" in text
    assert f"{last['val_loss']:.4g}" in text and "optimizer.lr" in text
    assert od.__version__ in text and "waiting for data" in text and "complete" in text
    assert "Linear(64" in text and "Adam" in text


def test_findings_are_those_of_the_model(trainer):
    data = datasets.Digits("test")
    findings = examine(trainer, DataLoader(data, 100), examples=7)
    scores = trainer.predict(DataLoader(data, 100)).astype(np.float64)
    found, shares = scores.argmax(axis=1), np.exp(scores - scores.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    expected = np.zeros((10, 10), int)
    np.add.at(expected, (data.labels, found), 1)
    assert np.array_equal(findings.matrix.matrix, expected)
    wrong = np.flatnonzero(found != data.labels)
    order = wrong[np.argsort(-shares[wrong, found[wrong]], kind="stable")][:7]
    assert len(wrong) > 7 and [one.number for one in findings.worst] == order.tolist()
    first = findings.worst[0]
    assert np.array_equal(first.image, data.images[order[0]])
    assert first.confidence == pytest.approx(shares[order[0], first.found])


def test_after_the_mistakes_come_the_least_sure(trainer, tmp_path):
    data = datasets.Digits("train")
    found = trainer.predict(DataLoader(data, 500)).argmax(axis=1)
    wrong = np.flatnonzero(found != data.labels)[:2]
    right = np.flatnonzero(found == data.labels)[:60]
    kept = np.sort(np.concatenate([wrong, right]))
    part = DataLoader(TensorDataset(data.images[kept], data.labels[kept]), 20)
    worst = examine(trainer, part).worst
    assert [one.found != one.true for one in worst] == [True] * 2 + [False] * 22
    assert np.all(np.diff([one.of_true for one in worst[2:]]) >= 0)
    text = write_report(tmp_path, trainer, part).read_text(encoding="utf-8")
    assert "After the 2 mistakes come right answers" in text


def test_hostile_names_are_only_text(trainer, tmp_path):
    names = [f"{HOSTILE}{number}" for number in range(10)]
    folder = tmp_path / "<b>run"
    folder.mkdir()
    save_config({HOSTILE: HOSTILE}, folder / "config.yaml")
    page = Page(write_report(folder, trainer, classes=names).read_text(encoding="utf-8"))
    assert not page.of("script") and len(page.of("b")) == 5  # those of the tiles
    assert all(image["src"].startswith("data:image/png") for image in page.of("img"))
    assert not any("onerror" in attributes for _, attributes in page.elements)
    assert page.text.count(HOSTILE) > 20 and "<b>run" in page.text


def test_hostile_names_of_metrics_and_groups(tmp_path):
    model = nn.Linear(2, 2)
    trainer = Trainer(model, optimizers.SGD(model.parameters()), validation_name="a<b")
    trainer.metrics = {"<i>x</i>": metrics.Accuracy()}
    trainer._tallies = {"<i>x</i>": metrics.Accuracy()}
    data = [(od.ones((3, 2)), od.tensor([0, 1, 0]))]
    trainer.fit(data, data, epochs=2)
    page = Page(write_report(tmp_path, trainer).read_text(encoding="utf-8"))
    assert not page.of("i") and "<i>x</i>" in page.text


def test_names_come_from_the_dataset_and_must_be_as_many(trainer, tmp_path):
    images, labels = datasets.Digits("test")[:50]
    named = datasets.ImageDataset(images, labels, [f"digit {number}" for number in range(10)])
    text = write_report(tmp_path, trainer, DataLoader(named, 32)).read_text(encoding="utf-8")
    assert '<th scope="row">digit 7</th>' in text
    with pytest.raises(OdysseyError, match="classes has 3 names, but the model tells 10"):
        write_report(tmp_path, trainer, classes=["a", "b", "c"])


def test_a_regression_and_a_training_of_no_epoch_have_a_page(tmp_path):
    model = nn.Linear(2, 1)
    sgd = optimizers.SGD(model.parameters(), lr=0.01)
    trainer = Trainer(model, sgd, od.core.mean_squared_error)
    page = Page(write_report(tmp_path, trainer).read_text(encoding="utf-8"))
    assert not page.of("svg") and "System" in page.text
    data = [(od.ones((3, 2)), od.ones((3, 1)))]
    trainer.fit(data, data, epochs=1)
    page = Page(write_report(tmp_path, trainer).read_text(encoding="utf-8"))
    assert len(page.of("svg")) == 3 and "Confusions" not in page.text


def test_many_classes_are_told_by_their_mistakes(tmp_path):
    model = nn.Linear(4, 40, rng=od.Generator(0))
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(200, 4)).astype(np.float32), rng.integers(0, 40, 200)
    trainer = Trainer(model, optimizers.SGD(model.parameters()))
    loader = DataLoader(TensorDataset(x, labels), 64)
    page = Page(write_report(tmp_path, trainer, loader).read_text(encoding="utf-8"))
    assert "The most frequent mistakes." in page.text and not page.of("img")
    assert all(table.get("class") != "matrix" for table in page.of("table"))


def test_the_callback_writes_it_at_the_end_and_on_the_way(tmp_path):
    sizes = []

    class Look(HTMLReport):
        def on_epoch_end(self, trainer, row):
            super().on_epoch_end(trainer, row)
            path = tmp_path / "way" / "report.html"
            sizes.append(path.stat().st_size if path.exists() else 0)

    trainer = made(Look(tmp_path / "way", every_epochs=2), HTMLReport(tmp_path / "end"))
    assert sizes[0] == 0 and sizes[1] > 0
    assert all((tmp_path / name / "report.html").exists() for name in ("way", "end"))
    assert len(trainer.history) == 3
    with pytest.raises(OdysseyError, match="every_epochs must be positive, got 0"):
        HTMLReport(tmp_path, every_epochs=0)


def test_a_report_changes_nothing_of_the_training(tmp_path):
    plain, told = made(epochs=2), made(HTMLReport(tmp_path, every_epochs=1), epochs=2)
    for one, other in zip(plain.model.parameters(), told.model.parameters(), strict=True):
        assert one.numpy().tobytes() == other.numpy().tobytes()


def test_weights_that_are_none_have_a_page(trainer, tmp_path):
    broken = made(epochs=1)
    with od.no_grad():
        broken.model[1].weight[...] = math.nan
    broken.history.append({**broken.history[0], "epoch": 2, "val_loss": math.nan})
    page = Page(write_report(tmp_path, broken).read_text(encoding="utf-8"))
    assert "nan" in page.text and len(page.of("img")) == 24


# -- pictures --------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(5, 7, 1), (5, 7, 3), (1, 1, 3)])
def test_a_png_is_read_as_it_was_written(shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    with Image.open(io.BytesIO(png(pixels))) as image:
        assert image.format == "PNG"
        assert np.array_equal(np.asarray(image).reshape(shape), pixels)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (np.array([[-1.0, 0.0, 1.0]]), [[0, 128, 255]]),
        (np.array([[[2.0, 2.0]]]), [[0, 0]]),
        (np.array([[0.0, np.nan, np.inf, 1.0]]), [[0, 0, 0, 255]]),
    ],
)
def test_an_image_goes_from_black_to_white(image, expected):
    data = base64.b64decode(image_uri(image).removeprefix("data:image/png;base64,"))
    with Image.open(io.BytesIO(data)) as found:
        assert np.asarray(found).tolist() == expected
    with pytest.raises(ShapeError, match=r"image_uri: expected shape .* got \(2, 3, 3\)"):
        image_uri(np.zeros((2, 3, 3)))


def test_a_curve_goes_through_its_points():
    svg = line_chart("loss", [1, 2, 3, 4], {"a": [0.0, 1.0, math.nan, 0.5]}, best="max")
    Page(svg)
    runs = [run.split("L") for run in re.findall(r'<path class="curve"[^>]* d="M([\d. L]+)"', svg)]
    points = [[tuple(map(float, point.split())) for point in run] for run in runs]
    assert [len(run) for run in points] == [2, 1]  # NaN leaves a gap
    (x1, y1), (x2, y2), (x4, y4) = *points[0], *points[1]
    assert x4 - x1 == pytest.approx(3 * (x2 - x1), abs=0.2)
    assert y1 - y4 == pytest.approx((y1 - y2) / 2, abs=0.2) and y2 < y1  # up is less
    assert 'class="best" r="6.5" cx="{}" cy="{}"'.format(*points[0][1]) in svg
    assert "a: 0 at epoch 1, 0.5 at epoch 4, best 1 at epoch 2" in svg


@pytest.mark.parametrize("values", [[], [math.nan], [0.0], [5.0, 5.0], [1e-300, 1e300], [-3, -2]])
def test_odd_curves(values):
    svg = line_chart("x", range(len(values)), {"x": values})
    assert (svg == "") == (not any(map(math.isfinite, values)))
    assert "nan" not in svg and "inf" not in svg


def test_long_curves_are_thinned_and_lengths_are_checked():
    svg = line_chart("x", range(100_000), {"x": np.linspace(0, 1, 100_000)}, x_name="step")
    assert len(svg) < 10_000 and "1 at step 99999" in svg.replace("1e+05", "99999")
    with pytest.raises(ShapeError, match="line_chart: a: expected 2 values, as many as xs, got 1"):
        line_chart("x", [1, 2], {"a": [1.0]})
