"""Drawings of models and graphs: what is connected to what, and that nothing covers anything."""

import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import numpy as np
import pytest

import odyssey as od
from odyssey import core, nn
from odyssey.errors import FormatError, GradientError, OdysseyError
from odyssey.nn import plot_model
from odyssey.utils.diagram import ENTRY, EXIT, Box, Diagram, text_width

# -- the picture -------------------------------------------------------------------------------


def picture(diagram):
    """Return rectangles, labels and points of lines of a picture."""
    root = ET.fromstring(diagram.svg)
    width, height = float(root.get("width")), float(root.get("height"))
    boxes, lines, texts = [], [], []
    for element in root:
        tag = element.tag.rpartition("}")[2]
        if tag == "rect" and element.get("x"):
            x, y, w, h = (float(element.get(key)) for key in ("x", "y", "width", "height"))
            boxes.append((x, y, x + w, y + h))
        elif tag == "path":
            lines.append(points_of(element.get("d")))
        elif tag == "text":
            x, y, size = (float(element.get(key)) for key in ("x", "y", "font-size"))
            wide = text_width(element.text, size)
            left = x - wide / 2 if element.get("text-anchor") == "middle" else x
            texts.append((left, y - 0.8 * size, left + wide, y + 0.2 * size))
    return (0, 0, width, height), boxes, lines, texts


def points_of(way):
    """Return points along a path of M, V and C."""
    found, at = [], (0.0, 0.0)
    for letter, numbers in re.findall(r"([MVC])([^MVC]*)", way):
        values = [float(n) for n in re.findall(r"-?[\d.]+", numbers)]
        if letter == "V":
            values = [at[0], values[0]]
        if letter == "M":
            at = (values[0], values[1])
        pairs = [at, *zip(values[::2], values[1::2], strict=True)]
        for t in np.linspace(0, 1, 21):
            level = [np.array(p) for p in pairs]
            while len(level) > 1:  # de Casteljau
                level = [(1 - t) * a + t * b for a, b in pairwise(level)]
            found.append(tuple(level[0]))
        at = pairs[-1]
    return found


def inside(small, large, slack=0.2):
    return (
        small[0] >= large[0] - slack
        and small[1] >= large[1] - slack
        and small[2] <= large[2] + slack
        and small[3] <= large[3] + slack
    )


def apart(a, b):
    return a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


def check_picture(diagram):
    page, boxes, lines, texts = picture(diagram)
    assert len(boxes) >= len(diagram.boxes)
    for number, box in enumerate(boxes):
        assert inside(box, page)
        for other in boxes[number + 1 :]:
            assert apart(box, other) or inside(box, other) or inside(other, box)
    groups = {a for a in boxes for b in boxes if a != b and inside(b, a)}
    leaves = [box for box in boxes if box not in groups]
    for text in texts:
        assert inside(text, page)
        assert all(apart(text, box) or inside(text, box) for box in leaves)
    for number, text in enumerate(texts):
        assert all(apart(text, other) for other in texts[number + 1 :])
    for line in lines:
        for x, y in line:
            for left, top, right, bottom in leaves:
                assert not (left < x < right and top + 0.2 < y < bottom - 0.2)


@pytest.mark.parametrize("seed", range(25))
def test_nothing_covers_anything(seed):
    rng = np.random.default_rng(seed)

    def draw(levels):
        diagram = Diagram()
        for i in range(rng.integers(1, 9)):
            lines = ["a setting, another"] * int(rng.integers(3))
            box = Box(f"Name{i}" * int(rng.integers(1, 4)), lines, "1×2×3" * int(rng.integers(3)))
            if levels and rng.random() < 0.3:
                box.parts = draw(levels - 1)
            diagram.boxes.append(box)
            for j in range(i):
                if rng.random() < 0.35:
                    diagram.arrows.append((j, i))
        if levels < 2:
            diagram.arrows += [(ENTRY, 0), (len(diagram.boxes) - 1, EXIT)]
        return diagram

    check_picture(draw(2))


def test_a_picture_needs_nothing_else(tmp_path):
    diagram = Diagram([Box("a < b & c", ["'x'"], "2×3"), Box("d")], [(0, 1)])
    assert (
        "a &lt; b &amp; c" in diagram.svg
        and diagram._repr_svg_() == diagram._repr_html_() == diagram.svg
    )
    assert "href" not in diagram.svg and "<script" not in diagram.svg
    diagram.save(tmp_path / "it.svg")
    assert (tmp_path / "it.svg").read_text(encoding="utf-8") == diagram.svg
    with pytest.raises(FormatError, match=r"saved as \.svg, got '.*it\.png'"):
        diagram.save(tmp_path / "it.png")
    assert repr(diagram) == "<Diagram of 2 boxes and 1 arrows>"


def test_an_empty_diagram():
    assert ET.fromstring(Diagram().svg) is not None


# -- models ------------------------------------------------------------------------------------


def connections(diagram):
    names = {number: box.title for number, box in enumerate(diagram.boxes)}
    names |= {ENTRY: "in", EXIT: "out"}
    return {(names[a], names[b]) for a, b in diagram.arrows}


def box(diagram, title):
    (found,) = [one for one in diagram.boxes if one.title == title]
    return found


class Residual(nn.Module):
    def __init__(self, channels, skip=False):
        conv = nn.Conv2D(channels, channels, 3, padding=1)
        self.body = nn.Sequential(conv, nn.ReLU(), conv)
        self.skip = nn.Conv2D(channels, channels, 1) if skip else None
        self.scale = nn.Parameter(od.ones(1))

    def forward(self, x):
        y = self.body(x) * self.scale
        return core.relu(y + (self.skip(x) if self.skip else x))


def test_lenet():
    diagram = plot_model(od.models.lenet5(), (1, 28, 28))
    assert [one.title for one in diagram.boxes][:3] == ["input", "0 Conv2D", "1 Tanh"]
    assert diagram.arrows == [(i, i + 1) for i in range(13)]
    assert box(diagram, "3 Conv2D").label == "1×16×10×10"
    assert "2,416 parameters" in box(diagram, "3 Conv2D").lines
    assert (box(diagram, "1 Tanh").kind, box(diagram, "3 Conv2D").kind) == ("plain", "layer")
    check_picture(diagram)


def test_a_residual_block_branches_and_joins():
    diagram = plot_model(Residual(4), (4, 8, 8), batch=2)
    assert connections(diagram) == {
        ("input", "body Sequential"),
        ("body Sequential", "multiply"),
        ("multiply", "add"),
        ("input", "add"),
        ("add", "relu"),
        ("relu", "output"),
    }
    body = box(diagram, "body Sequential").parts
    assert connections(body) == {
        ("in", "0 Conv2D"),
        ("0 Conv2D", "1 ReLU"),
        ("1 ReLU", "0 Conv2D"),  # called twice, drawn twice, under its first name
        ("0 Conv2D", "out"),
    }
    assert body.arrows == [(ENTRY, 0), (0, 1), (1, 2), (2, EXIT)]
    assert box(diagram, "multiply").lines == ["scale"]
    assert box(diagram, "add").label == "2×4×8×8"
    check_picture(diagram)


class Deep(nn.Module):
    def __init__(self):
        self.drop = nn.Dropout(0.1)
        self.blocks = nn.ModuleList([Residual(2), Residual(2, skip=True)])
        self.heads = nn.ModuleDict({"a": nn.Linear(4, 3), "b": nn.Linear(4, 2)})

    def forward(self, x, extra):
        x = self.drop(x)
        for block in self.blocks:
            x = block(x)
        x = x.reshape(x.shape[0], -1) + extra
        return {"a": self.heads["a"](x), "b": self.heads["b"](x)}


def test_groups_inputs_and_outputs():
    diagram = plot_model(Deep(), [(2, 1, 2), np.ones((1, 4), np.float32)])
    assert connections(diagram) == {
        ("input 0", "drop Dropout"),
        ("drop Dropout", "blocks.0 Residual"),
        ("blocks.0 Residual", "blocks.1 Residual"),
        ("blocks.1 Residual", "reshape"),
        ("reshape", "add"),
        ("input 1", "add"),
        ("add", "heads.a Linear"),
        ("add", "heads.b Linear"),
        ("heads.a Linear", "output a"),
        ("heads.b Linear", "output b"),
    }
    second = box(diagram, "blocks.1 Residual").parts
    assert connections(second) == {
        ("in", "body Sequential"),
        ("in", "skip Conv2D"),
        ("body Sequential", "multiply"),
        ("multiply", "add"),
        ("skip Conv2D", "add"),
        ("add", "relu"),
        ("relu", "out"),
    }
    check_picture(diagram)


@pytest.mark.parametrize(("depth", "groups"), [(1, 0), (2, 2), (3, 4), (None, 4)])
def test_depth(depth, groups):
    def count(diagram):
        return sum(1 + count(one.parts) for one in diagram.boxes if one.parts)

    diagram = plot_model(Deep(), [(2, 1, 2), (4,)], depth=depth)
    assert count(diagram) == groups
    assert box(diagram, "drop Dropout").parts is None
    assert ("drop Dropout", "blocks.0 Residual") in connections(diagram)
    check_picture(diagram)


class Identity(nn.Module):
    def forward(self, x):
        return x


class Around(nn.Module):
    def __init__(self):
        self.same, self.layer = Identity(), nn.Linear(2, 2)

    def forward(self, x):
        return self.layer(self.same(x)) + x


def test_a_module_that_returns_its_input_is_on_the_way_of_its_users_only():
    assert connections(plot_model(Around(), (2,))) == {
        ("input", "same Identity"),
        ("same Identity", "layer Linear"),
        ("layer Linear", "add"),
        ("input", "add"),
        ("add", "output"),
    }


def test_backward_hooks_are_not_drawn_and_cost_nothing():
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    plain = connections(plot_model(model, (2,))), nn.summary(model, (2,)).flops
    for module in model.modules():
        module.register_backward_hook(lambda module, grad: None)
    assert (connections(plot_model(model, (2,))), nn.summary(model, (2,)).flops) == plain


class Functional(nn.Module):
    """Its child is a store of weights, which it never calls."""

    def __init__(self):
        self.store = nn.Linear(2, 2)

    def forward(self, x):
        return core.relu(core.linear(x, self.store.weight))


def test_a_group_without_modules_is_a_box():
    diagram = plot_model(nn.Sequential(Functional(), nn.ReLU()), (2,))
    assert box(diagram, "0 Functional").parts is None
    assert connections(diagram) == {
        ("input", "0 Functional"),
        ("0 Functional", "1 ReLU"),
        ("1 ReLU", "output"),
    }


def test_a_single_layer_and_a_file(tmp_path):
    diagram = plot_model(nn.Linear(2, 3), (2,), tmp_path / "linear.svg")
    assert [one.title for one in diagram.boxes] == ["input", "Linear", "output"]
    assert (tmp_path / "linear.svg").read_text(encoding="utf-8") == diagram.svg


def test_without_an_input_the_tree_is_drawn():
    diagram = plot_model(Deep())
    assert [one.title for one in diagram.boxes] == [
        "drop Dropout",
        "blocks ModuleList",
        "heads ModuleDict",
    ]
    assert not diagram.arrows
    block = diagram.boxes[1].parts.boxes[0]
    assert block.title == "0 Residual" and ("in", "0 Conv2D") in connections(
        block.parts.boxes[0].parts
    )
    check_picture(diagram)
    chain = plot_model(nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.ReLU())))
    assert chain.arrows == [(0, 1)]
    assert chain.boxes[1].parts.arrows == [(ENTRY, 0), (0, EXIT)]
    assert plot_model(Deep(), depth=1).boxes[1].parts is None


def test_the_model_is_as_before_and_errors_name_the_layer():
    model = Deep()
    plot_model(model, [(2, 1, 2), (4,)])
    assert all(m.training and m._hooks is None for m in model.modules())
    with pytest.raises(OdysseyError, match=r"^Deep\.heads\.a: linear: "):
        plot_model(model, [(2, 3, 2), (12,)])


# -- graphs ------------------------------------------------------------------------------------


def test_the_graph_behind_a_loss():
    model = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))
    loss = core.cross_entropy(model(od.ones((5, 4))), od.arange(5) % 2)
    diagram = od.plot_graph(loss, {**dict(model.named_parameters()), "loss": loss})
    assert connections(diagram) == {
        ("0.weight", "linear"),
        ("0.bias", "linear"),
        ("linear", "tanh"),
        ("tanh", "linear"),
        ("2.weight", "linear"),
        ("2.bias", "linear"),
        ("linear", "cross_entropy"),
        ("cross_entropy", "loss"),
    }
    assert (box(diagram, "tanh").label, box(diagram, "tanh").lines) == ("5×3", ["keeps out"])
    assert box(diagram, "cross_entropy").label == "scalar"
    check_picture(diagram)
    loss.backward()
    assert box(od.plot_graph(loss), "cross_entropy").lines == ["freed by backward"]


def test_graphs_of_lists_several_outputs_and_one_tensor_used_twice(tmp_path):
    x = od.ones((2, 6), requires_grad=True)
    a, b = core.split(x, 2, axis=1)
    y = core.concatenate([a, b * b])
    diagram = od.plot_graph(y, {"x": x}, tmp_path / "graph.svg")
    assert connections(diagram) == {
        ("x", "split"),
        ("split", "concatenate"),
        ("split", "multiply"),
        ("multiply", "concatenate"),
        ("concatenate", "result"),
    }
    assert box(diagram, "split").label == "2×3, 2×3"
    assert (tmp_path / "graph.svg").exists()
    check_picture(diagram)


def test_graphs_of_a_leaf_and_of_a_constant():
    w = nn.Parameter(od.ones(2))
    assert connections(od.plot_graph(w)) == {("parameter", "result")}
    with pytest.raises(GradientError, match="there is no graph behind it"):
        od.plot_graph(od.ones(2))


def test_a_long_chain_needs_no_deep_stack():
    x = od.ones(2, requires_grad=True)
    for _ in range(1500):
        x = x * 2
    diagram = od.plot_graph(x)
    assert len(diagram.boxes) == 1502 and diagram.svg
