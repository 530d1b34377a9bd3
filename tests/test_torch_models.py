"""PyTorch as an oracle for whole models: its layers put together, with the same weights."""

import numpy as np
import pytest

import odyssey as od
from odyssey import models

torch = pytest.importorskip("torch")
F = torch.nn.functional
rng = np.random.default_rng(5)


def conv(before, after, size, stride=1):
    return torch.nn.Conv2d(before, after, size, stride, padding=size // 2, bias=False)


class TheirBlock(torch.nn.Module):
    """torchvision's BasicBlock and Bottleneck."""

    def __init__(self, before, channels, stride, bottleneck):
        super().__init__()
        after = 4 * channels if bottleneck else channels
        if bottleneck:
            widths = [(before, channels, 1, 1), (channels, channels, 3, stride)]
            widths += [(channels, after, 1, 1)]
        else:
            widths = [(before, channels, 3, stride), (channels, channels, 3, 1)]
        self.depth = len(widths)
        for i, width in enumerate(widths, start=1):
            setattr(self, f"conv{i}", conv(*width))
            setattr(self, f"bn{i}", torch.nn.BatchNorm2d(width[1]))
        self.downsample = None
        if stride != 1 or before != after:
            bn = torch.nn.BatchNorm2d(after)
            self.downsample = torch.nn.Sequential(conv(before, after, 1, stride), bn)

    def forward(self, x):
        y = x
        for i in range(1, self.depth + 1):
            y = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(y))
            y = F.relu(y) if i < self.depth else y
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class TheirResNet(torch.nn.Module):
    """torchvision's ResNet, of any width."""

    def __init__(self, depths, width, classes, bottleneck=False):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(width)
        before = width
        for i, depth in enumerate(depths):
            blocks = []
            for j in range(depth):
                stride = 2 if i and not j else 1
                blocks.append(TheirBlock(before, width << i, stride, bottleneck))
                before = (width << i) * (4 if bottleneck else 1)
            setattr(self, f"layer{i + 1}", torch.nn.Sequential(*blocks))
        self.fc = torch.nn.Linear(before, classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        for i in range(1, 5):
            x = getattr(self, f"layer{i}")(x)
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))


def close(mine, theirs, what):
    mine, theirs = np.asarray(mine), np.asarray(theirs)
    assert mine.shape == theirs.shape, what
    scale = max(1.0, float(np.abs(theirs).max(initial=0)))
    np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-9 * scale, err_msg=what)


def agree(model, theirs, x, names=lambda name: name, state=lambda state: state):
    """Compare scores, gradients of inputs and of all parameters, and running moments."""
    theirs.load_state_dict(
        {names(name): torch.tensor(array) for name, array in state(model.state_dict()).items()}
    )
    floating = x.dtype.kind == "f"
    mine_x = od.tensor(x, requires_grad=floating)
    their_x = torch.tensor(x, requires_grad=floating)
    mine, other = model(mine_x), theirs(their_x)
    close(mine.numpy(), other.detach(), "scores")
    grad = rng.standard_normal(mine.shape)
    mine.backward(grad)
    other.backward(torch.tensor(grad))
    if floating:
        close(mine_x.grad.numpy(), their_x.grad, "gradient of the input")
    gradients = state({name: p.grad.numpy() for name, p in model.named_parameters()})
    found = dict(theirs.named_parameters())
    assert {names(name) for name in gradients} == set(found)
    for name, gradient in gradients.items():
        close(gradient, found[names(name)].grad, f"gradient of {name}")
    buffers = dict(theirs.named_buffers())
    for name, buffer in model.named_buffers():
        close(buffer.numpy(), buffers[names(name)], name)


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize(
    ("name", "depths"), [("resnet18", (2, 2, 2, 2)), ("resnet50", (3, 4, 6, 3))]
)
def test_resnet(name, depths, training):
    model = models.MODELS[name]((3, 48, 40), 5, width=1 / 16, rng=od.Generator(0)).to("float64")
    theirs = TheirResNet(depths, 4, 5, name == "resnet50").double()
    x = rng.standard_normal((3, 3, 48, 40))
    agree(model.train(training), theirs.train(training), x)


@pytest.mark.parametrize("batch_norm", [True, False])
def test_vgg(batch_norm):
    """Layer by layer from our own list: the numbers of the state are torchvision's."""
    settings = {"width": 1 / 16, "batch_norm": batch_norm, "dropout": 0.0}
    model = models.vgg11((3, 64, 32), 5, rng=od.Generator(0), **settings).to("float64")
    layers, before = [], 3
    for v in (64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"):
        if v == "M":
            layers.append(torch.nn.MaxPool2d(2))
            continue
        layers.append(torch.nn.Conv2d(before, v // 16, 3, padding=1))
        layers += [torch.nn.BatchNorm2d(v // 16)] if batch_norm else []
        layers.append(torch.nn.ReLU())
        before = v // 16
    Linear, ReLU, Dropout = torch.nn.Linear, torch.nn.ReLU, torch.nn.Dropout
    classifier = [Linear(32 * 2, 256), ReLU(), Dropout(0.0), Linear(256, 256), ReLU()]
    classifier += [Dropout(0.0), Linear(256, 5)]
    named = {
        "features": torch.nn.Sequential(*layers),
        "flatten": torch.nn.Flatten(),
        "classifier": torch.nn.Sequential(*classifier),
    }
    theirs = torch.nn.Sequential()
    for name, module in named.items():
        theirs.add_module(name, module)
    agree(model, theirs.double(), rng.standard_normal((3, 3, 64, 32)))


class Weights:
    """A state as PyTorch's tensors, and its layers by name."""

    def __init__(self, model):
        self.all = {
            name: torch.tensor(array, requires_grad=array.dtype.kind == "f")
            for name, array in model.state_dict().items()
        }

    def conv(self, x, name, **settings):
        return F.conv2d(x, self.all[f"{name}.weight"], self.all.get(f"{name}.bias"), **settings)

    def linear(self, x, name):
        return F.linear(x, self.all[f"{name}.weight"], self.all[f"{name}.bias"])

    def norm(self, x, name):
        """Batch normalisation by the moments of the batch."""
        return F.batch_norm(
            x, None, None, self.all[f"{name}.weight"], self.all[f"{name}.bias"], True
        )


def agree_with(function, model, x):
    """Compare with a function of weights and input that is written in PyTorch."""
    weights, mine_x = Weights(model), od.tensor(x, requires_grad=True)
    their_x = torch.tensor(x, requires_grad=True)
    mine, theirs = model(mine_x), function(weights, their_x)
    mine = mine if isinstance(mine, tuple) else (mine,)
    theirs = theirs if isinstance(theirs, tuple) else (theirs,)
    assert len(mine) == len(theirs)
    total, their_total = 0, 0
    for one, other in zip(mine, theirs, strict=True):
        close(one.numpy(), other.detach(), "scores")
        grad = rng.standard_normal(one.shape)
        total = total + (one * od.tensor(grad)).sum()
        their_total = their_total + (other * torch.tensor(grad)).sum()
    total.backward()
    their_total.backward()
    close(mine_x.grad.numpy(), their_x.grad, "gradient of the input")
    for name, parameter in model.named_parameters():
        close(parameter.grad.numpy(), weights.all[name].grad, f"gradient of {name}")


def test_alexnet():
    """With sums of squares as the paper has them, not PyTorch's means."""
    model = models.alexnet((3, 63, 70), 5, 1 / 16, dropout=0.0, rng=od.Generator(0))

    def normalised(y):
        squares = F.pad(y**2, (0, 0, 0, 0, 2, 2))
        return y / (2 + 1e-4 * sum(squares[:, i : i + y.shape[1]] for i in range(5))) ** 0.75

    def theirs(p, x):
        y = F.relu(p.conv(x, "conv1", stride=4, padding=2))
        y = F.max_pool2d(normalised(y), 3, 2)
        y = F.relu(p.conv(y, "conv2", padding=2, groups=2))
        y = F.max_pool2d(normalised(y), 3, 2)
        y = F.relu(p.conv(y, "conv3", padding=1))
        y = F.relu(p.conv(y, "conv4", padding=1, groups=2))
        y = F.relu(p.conv(y, "conv5", padding=1, groups=2))
        y = F.max_pool2d(y, 3, 2).flatten(1)
        return p.linear(F.relu(p.linear(F.relu(p.linear(y, "fc6")), "fc7")), "fc8")

    agree_with(theirs, model.to("float64"), rng.standard_normal((2, 3, 63, 70)))


def test_mobilenet():
    model = models.mobilenet((3, 40, 48), 5, width=1 / 8, rng=od.Generator(0)).to("float64")
    strides = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1]

    def theirs(p, x):
        x = F.relu(p.norm(p.conv(x, "conv", stride=2, padding=1), "bn"))
        for number, stride in enumerate(strides, start=1):
            block = f"block{number}"
            settings = {"stride": stride, "padding": 1, "groups": x.shape[1]}
            x = F.relu(p.norm(p.conv(x, f"{block}.depthwise", **settings), f"{block}.bn1"))
            x = F.relu(p.norm(p.conv(x, f"{block}.pointwise"), f"{block}.bn2"))
        return p.linear(x.mean((2, 3)), "fc")

    agree_with(theirs, model, rng.standard_normal((3, 3, 40, 48)))


def test_googlenet():
    settings = {"auxiliary": True, "dropout": 0.0, "rng": od.Generator(0)}
    model = models.googlenet((3, 80, 88), 5, 1 / 16, **settings).to("float64")
    for classifier in (model.auxiliary1, model.auxiliary2):
        classifier.dropout.p = 0.0

    def inception(p, x, name):
        name = f"inception{name}.branch"
        one = F.relu(p.conv(x, f"{name}1.0"))
        three = F.relu(p.conv(F.relu(p.conv(x, f"{name}2.0")), f"{name}2.2", padding=1))
        five = F.relu(p.conv(F.relu(p.conv(x, f"{name}3.0")), f"{name}3.2", padding=2))
        pooled = F.relu(p.conv(F.max_pool2d(x, 3, 1, 1), f"{name}4.1"))
        return torch.cat([one, three, five, pooled], 1)

    def auxiliary(p, x, name):
        x = F.relu(p.conv(F.avg_pool2d(x, 5, 3), f"{name}.conv")).flatten(1)
        return p.linear(F.relu(p.linear(x, f"{name}.fc1")), f"{name}.fc2")

    def theirs(p, x):
        def pool(x):
            return F.max_pool2d(x, 3, 2, ceil_mode=True)

        def norm(x):
            return F.local_response_norm(x, 5)

        x = norm(pool(F.relu(p.conv(x, "conv1", stride=2, padding=3))))
        x = F.relu(p.conv(F.relu(p.conv(x, "conv2")), "conv3", padding=1))
        x = pool(norm(x))
        x = pool(inception(p, inception(p, x, "3a"), "3b"))
        a = x = inception(p, x, "4a")
        for name in ("4b", "4c", "4d"):
            x = inception(p, x, name)
        b, x = x, pool(inception(p, x, "4e"))
        x = inception(p, inception(p, x, "5a"), "5b").mean((2, 3))
        return p.linear(x, "fc"), auxiliary(p, a, "auxiliary1"), auxiliary(p, b, "auxiliary2")

    agree_with(theirs, model, rng.standard_normal((2, 3, 80, 88)))


class TheirTransformerBlock(torch.nn.Module):
    """x + attention(LN(x)), then x + MLP(LN(x))."""

    def __init__(self, width, heads, eps, approximate):
        super().__init__()
        self.ln1, self.ln2 = (torch.nn.LayerNorm(width, eps=eps) for _ in range(2))
        self.attention = torch.nn.MultiheadAttention(width, heads, batch_first=True)
        self.mlp = torch.nn.Sequential(
            torch.nn.Linear(width, 4 * width),
            torch.nn.GELU(approximate=approximate),
            torch.nn.Dropout(0.0),
            torch.nn.Linear(4 * width, width),
        )

    def forward(self, x, mask=None):
        y = self.ln1(x)
        x = x + self.attention(y, y, y, attn_mask=mask, need_weights=False)[0]
        return x + self.mlp(self.ln2(x))


class TheirViT(torch.nn.Module):
    def __init__(self, patches, patch, width, depth, heads, classes):
        super().__init__()
        self.class_token = torch.nn.Parameter(torch.zeros(1, 1, width))
        self.positions = torch.nn.Parameter(torch.zeros(1, patches + 1, width))
        self.patches = torch.nn.Conv2d(3, width, patch, patch)
        self.blocks = torch.nn.ModuleList(
            TheirTransformerBlock(width, heads, 1e-6, "none") for _ in range(depth)
        )
        self.ln = torch.nn.LayerNorm(width, eps=1e-6)
        self.head = torch.nn.Linear(width, classes)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_token.expand(len(x), -1, -1), x], 1) + self.positions
        for block in self.blocks:
            x = block(x)
        return self.head(self.ln(x)[:, 0])


class TheirGPT(torch.nn.Module):
    def __init__(self, context, tokens, width, depth, heads):
        super().__init__()
        self.wte = torch.nn.Embedding(tokens, width)
        self.wpe = torch.nn.Embedding(context, width)
        self.h = torch.nn.ModuleList(
            TheirTransformerBlock(width, heads, 1e-5, "tanh") for _ in range(depth)
        )
        self.ln_f = torch.nn.LayerNorm(width)

    def forward(self, tokens):
        length = tokens.shape[1]
        hidden = torch.ones(length, length, dtype=torch.bool).triu(1)
        x = self.wte(tokens) + self.wpe(torch.arange(length))
        for block in self.h:
            x = block(x, hidden)
        return self.ln_f(x) @ self.wte.weight.T


def randomized(model):
    """Let no parameter be 0 or 1, as many are at first."""
    for parameter in model.parameters():
        parameter.data[...] = rng.normal(0.1, 0.3, parameter.shape)
    return model


def test_vit():
    model = models.ViT((3, 16, 12), 5, patch=4, width=12, depth=2, heads=3).to("float64")
    theirs = TheirViT(12, 4, 12, 2, 3, 5).double()
    agree(randomized(model), theirs, rng.standard_normal((3, 3, 16, 12)))


def test_gpt():
    model = models.GPT((9,), 11, width=12, depth=2, heads=3, dropout=0.0).to("float64")
    theirs = TheirGPT(9, 11, 12, 2, 3).double()
    renamed = {"ln_1": "ln1", "ln_2": "ln2", "attn": "attention", "mlp.2": "mlp.3"}

    def names(name):
        for mine, other in renamed.items():
            name = name.replace(f".{mine}.", f".{other}.")
        return name

    agree(randomized(model), theirs, rng.integers(0, 11, (3, 7)), names)
