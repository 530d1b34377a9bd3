"""Summaries of models: numbers by hand, what is shared, what fails, and what stays as it was."""

import numpy as np
import pytest

import odyssey as od
from odyssey import nn
from odyssey.errors import OdysseyError, ShapeError
from odyssey.nn import summary


def row(table, path):
    (found,) = [row for row in table.rows if row.path == path]
    return found


def test_lenet_by_hand():
    table = summary(od.models.lenet5(), (1, 28, 28))
    assert (table.name, table.parameters, table.trainable) == ("Sequential", 61_706, 61_706)
    assert table.flops == 897_926  # tests/test_flops.py has the sum
    assert [r.flops for r in table.rows[1:4]] == [4704 * 51, 4704 * 8, 1176 * 4]
    assert [r.parameters for r in table.rows if r.parameters] == [156, 2416, 48120, 10164, 850]
    assert row(table, "3").output_shapes == [(1, 16, 10, 10)]
    assert row(table, "3").output_bytes == 6400 and row(table, "3").parameter_bytes == 4 * 2416
    assert sum(r.flops for r in table.rows) == table.flops
    assert table.parameter_bytes == 4 * 61_706 and table.input_bytes == 4 * 784
    assert table.buffers == table.buffer_bytes == 0


def test_what_the_tape_keeps_by_hand():
    # relu keeps its output, which the second layer keeps as its input: one block of 8 numbers;
    # the first layer keeps the input, which counts as the input.
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    assert summary(model, (4,), batch=3).kept_bytes == 3 * 8 * 4
    # tanh's output is kept, and each sigmoid's: three blocks
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Sigmoid(), nn.Sigmoid())
    assert summary(model, (4,)).kept_bytes == 3 * 8 * 4
    assert summary(model.freeze(), (4,)).kept_bytes == 0


def test_the_table():
    model = nn.Sequential(nn.Linear(4, 8), nn.Sequential(nn.ReLU(), nn.Linear(8, 2)))
    model.freeze("0.weight")
    text = str(summary(model, (4,)))
    lines = text.split("\n")
    assert "  1.1" in text and "(1, 8)" in text
    assert lines[3].split() == ["0", "Linear", "(1,", "8)", "40", "8", "72", "32", "B", "160", "B"]
    assert "trainable                 26 (32 frozen)" in lines
    model.freeze()
    assert " no " in str(summary(model, (4,)))
    html = summary(nn.Sequential(nn.ReLU()), (4,))._repr_html_()
    assert html.startswith("<table>") and html.count("<tr>") == 1 + 2 + 8


def test_depth():
    model = nn.Sequential(nn.Linear(4, 8), nn.Sequential(nn.ReLU(), nn.Linear(8, 2)))
    full = summary(model, (4,))
    for depth in (0, 1, 2):
        table = summary(model, (4,), depth=depth)
        assert len(table.rows) == [1, 3, 5][depth]
        for total in ("parameters", "trainable", "flops", "parameter_bytes"):
            parts = sum(getattr(r, total) for r in table.rows)
            assert parts == getattr(table, total) == getattr(full, total)
    assert row(summary(model, (4,), depth=1), "1").flops == 8 + 2 * 17
    with pytest.raises(OdysseyError, match="depth must be at least 0, got -1"):
        summary(model, (4,), depth=-1)


class Shares(nn.Module):
    def __init__(self):
        self.first = nn.Linear(4, 4)
        self.again = self.first
        self.tied = nn.Linear(4, 4)
        self.tied.weight = self.first.weight
        self.unused = nn.ReLU()

    def forward(self, x):
        return self.tied(self.again(self.first(x))) * 2


def test_what_is_shared_counts_once():
    table = summary(Shares(), (4,))
    assert [r.path for r in table.rows] == ["", "first", "again", "tied", "unused"]
    assert table.parameters == 24 == sum(r.parameters for r in table.rows)
    assert row(table, "first").notes == ["called 2 times"]
    assert row(table, "first").flops == 2 * 36
    assert row(table, "again").notes == ["shared with first"]
    assert row(table, "tied").notes == ["weight shared with first.weight"]
    assert row(table, "tied").parameters == 4
    assert row(table, "unused").notes == ["not called"]
    assert row(table, "").flops == 4  # the product in the model's own forward
    assert table.flops == 3 * 36 + 4


def test_a_module_that_contains_itself():
    model = nn.Sequential(nn.Linear(2, 2))
    model[0].owner = model
    table = summary(model, (2,))
    assert row(table, "0.owner").notes == ["shared with Sequential"] and len(table.rows) == 3


class TwoInputs(nn.Module):
    def __init__(self):
        self.left, self.right = nn.Linear(3, 5), nn.Linear(2, 5)

    def forward(self, a, b):
        return {"sum": self.left(a) + self.right(b), "both": [a, (b,)]}


@pytest.mark.parametrize(
    "given",
    [
        ((3,), (2,)),
        [(3,), np.ones((1, 2), np.float32)],
        (od.ones((1, 3)), od.ones((1, 2))),
    ],
)
def test_several_inputs_and_outputs_in_dicts(given):
    table = summary(TwoInputs(), given)
    assert row(table, "").output_shapes == [(1, 5), (1, 3), (1, 2)]
    assert table.input_bytes == 20 and table.parameters == 20 + 15


def test_inputs_take_the_dtype_of_the_model_and_the_batch():
    table = summary(nn.Linear(3, 2, dtype="float64"), (3,), batch=5)
    assert table.input_bytes == 5 * 3 * 8
    assert table.rows[0].output_shapes == [(5, 2)] and table.rows[0].output_bytes == 80


@pytest.mark.parametrize("given", [3, "image", (1.5,), ((1, 2), "x"), (-1, 2), None])
def test_inputs_that_are_none(given):
    with pytest.raises(ShapeError, match=r"^summary: "):
        summary(nn.Linear(3, 2), given)


def test_lazy_layers_are_inferred():
    model = nn.Sequential(nn.Linear(None, 8), nn.ReLU(), nn.Linear(None, 2))
    table = summary(model, (4,))
    assert table.parameters == 40 + 18
    assert row(table, "0").parameters == 40
    assert model[2].weight.shape == (2, 8)


class Counts(nn.Module):
    def __init__(self):
        self.seen = nn.Buffer(od.zeros(2))
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        assert not self.training and not self.drop.training
        self.seen[...] = self.seen + 1
        return self.drop(x)


def test_the_model_is_as_before():
    model = nn.Sequential(Counts(), nn.Linear(2, 2))
    model[1].eval()
    seen = []
    model[1].register_forward_hook(lambda *_: seen.append("hook"))
    before = [dict(vars(m)) for m in model.modules()]
    with od.no_grad():
        table = summary(model, (2,))
    assert [m.training for m in model.modules()] == [True, True, True, False]
    np.testing.assert_array_equal(model[0].seen.numpy(), 0)
    assert table.buffers == 2 and table.buffer_bytes == 8
    assert all(p.grad is None for p in model.parameters())
    assert [m._hooks for m in model.modules()] == [b.get("_hooks") for b in before]
    assert len(model[1]._hooks.after) == 1 and not model[1]._hooks.before
    assert seen == ["hook"]


class Fails(nn.Module):
    def forward(self, x):
        raise self.error


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OdysseyError("too large"), r"^Sequential\.1\.0: too large$"),
        (KeyError("mask"), r"^summary: Sequential\.1\.0 \(Fails\): KeyError: 'mask'$"),
    ],
)
def test_an_error_names_the_layer_and_leaves_the_model_as_it_was(error, message):
    model = nn.Sequential(nn.ReLU(), nn.Sequential(Fails()))
    model[1][0].error = error
    with pytest.raises(OdysseyError, match=message):
        summary(model, (2,))
    assert all(m.training and m._hooks is None for m in model.modules())
    with pytest.raises(ShapeError, match=r"^Sequential\.0: linear: "):
        summary(nn.Sequential(nn.Linear(3, 2)), (2,))


class Catches(nn.Module):
    def __init__(self):
        self.bad, self.good = Fails(), nn.Linear(2, 2)
        self.bad.error = ValueError()

    def forward(self, x):
        try:
            return self.bad(x)
        except ValueError:
            return self.good(x)


def test_an_error_that_is_caught_inside():
    table = summary(nn.Sequential(Catches(), nn.ReLU()), (2,))
    assert row(table, "0.good").flops == 2 * 5 and row(table, "1").flops == 2
    assert row(table, "0.bad").notes == ["not called"]


def test_lists_of_modules_are_not_called():
    model = nn.Sequential(nn.ReLU())
    model[0].parts = nn.ModuleList([nn.Linear(2, 2)])
    table = summary(model, (2,))
    assert row(table, "0.parts").notes == []
    assert row(table, "0.parts.0").notes == ["not called"]
