"""What PyTorch has no layer for: a function of its operations as one."""


def layer(torch, function):
    """Return a layer of PyTorch's without parameters that calls a function."""

    class Written(torch.nn.Module):
        def forward(self, *args):
            return function(*args)

    return Written()
