"""LoRA: the paper's formula, merging, and which parameters learn."""

import numpy as np
import pytest

import odyssey as od
from odyssey import nn


def made(dropout=0.0):
    layer = nn.LoRA(nn.Linear(6, 4, dtype="float64"), 2, alpha=3.0, dropout=dropout)
    layer.lora_b.data[...] = np.random.default_rng(0).standard_normal((4, 2))
    return layer


x = od.tensor(np.random.default_rng(1).standard_normal((5, 6)))


def test_it_starts_as_the_layer_it_adapts():
    linear = nn.Linear(6, 4)
    inputs = od.randn(3, 6)
    before = linear(inputs).numpy()
    layer = nn.LoRA(linear, 3)
    assert np.array_equal(layer(inputs).numpy(), before)
    assert layer.lora_a.numpy().any() and not layer.lora_b.numpy().any()


def test_the_formula_is_the_papers():
    layer = made()
    w, b = layer.layer.weight.numpy(), layer.layer.bias.numpy()
    a, up = layer.lora_a.numpy(), layer.lora_b.numpy()
    expected = x.numpy() @ w.T + b + 3 / 2 * (x.numpy() @ a.T @ up.T)
    np.testing.assert_allclose(layer(x).numpy(), expected, atol=1e-12)


def test_merging_keeps_what_it_computes():
    layer, weight = made(), None
    weight, expected = layer.layer.weight.numpy().copy(), layer(x).numpy()
    assert layer.merge() is layer and layer.merge().merged
    assert np.abs(layer.layer.weight.numpy() - weight).max() > 0.01
    np.testing.assert_allclose(layer(x).numpy(), expected, atol=1e-12)
    assert not layer.unmerge().unmerge().merged
    np.testing.assert_allclose(layer.layer.weight.numpy(), weight, atol=1e-14)
    np.testing.assert_allclose(layer(x).numpy(), expected, atol=1e-12)


def test_only_the_thin_matrices_learn():
    layer = made()
    od.testing.gradcheck(
        lambda a, b: nn.functional_call(layer, {"lora_a": a, "lora_b": b}, x),
        [layer.lora_a.numpy(), layer.lora_b.numpy()],
    )
    layer(x).sum().backward()
    assert layer.lora_a.grad is not None and layer.lora_b.grad is not None
    assert layer.layer.weight.grad is None and layer.layer.bias.grad is None


def test_dropout_drops_inputs_of_the_product_only():
    layer = made(dropout=1.0)
    np.testing.assert_array_equal(layer(x).numpy(), layer.layer(x).numpy())
    np.testing.assert_allclose(layer.eval()(x).numpy(), made_like(layer)(x).numpy(), atol=1e-12)


def made_like(layer):
    other = made()
    other.load_state_dict(layer.state_dict())
    return other


def test_a_transformer_is_adapted_by_pattern():
    stack = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, 0.0), 2)
    inputs = od.randn(2, 5, 8)
    before = stack(inputs).numpy()
    assert nn.add_lora(stack, 2, "*.linear?") is stack
    names = [name for name, p in stack.named_parameters() if p.requires_grad]
    assert names == [
        f"layers.{i}.linear{j}.lora_{which}" for i in (0, 1) for j in (1, 2) for which in "ab"
    ]
    assert np.array_equal(stack(inputs).numpy(), before)
    optimizer = od.training.optimizers.AdamW(
        [p for p in stack.parameters() if p.requires_grad], lr=0.01
    )
    losses = []
    for _ in range(20):
        loss = (stack(inputs) ** 2 * od.tensor(np.linspace(-1, 1, 8, dtype="f4"))).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.01
    nn.add_lora(stack, 2, "*.out_proj")
    assert isinstance(stack.layers[0].self_attn.out_proj, nn.LoRA)
    assert not isinstance(stack.layers[0].linear1.layer, nn.LoRA)


def test_a_layer_in_two_places_is_adapted_once():
    shared = nn.Linear(4, 4)
    model = nn.add_lora(nn.Sequential(shared, nn.ReLU(), shared), 1)
    assert model[0] is model[2] and isinstance(model[0], nn.LoRA)


def test_add_lora_says_what_it_found():
    with pytest.raises(od.errors.OdysseyError, match="it has none"):
        nn.add_lora(nn.Sequential(nn.ReLU()), 1)
