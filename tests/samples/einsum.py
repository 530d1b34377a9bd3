"""Einstein's sums: samples, bad input, and what PyTorch has of them."""

import numpy as np

from odyssey.errors import ShapeError
from samples import Bad, Sample, Shared
from samples._draws import choice, draws

rng, normal, positive = draws(__name__)


def of_numpy(subscripts, xs):
    return np.einsum(subscripts, *xs)


SAMPLES = [
    Sample("einsum", (subscripts, [normal(*shape) for shape in shapes]), of_numpy, {}, 20)
    for subscripts, shapes in (
        ("ij,jk->ik", ((2, 3), (3, 4))),
        ("ij,jk", ((0, 3), (3, 4))),
        ("i->", ((1,),)),
        ("ji", ((2, 3),)),
        ("ij->j", ((2, 3),)),  # i is only in this operand
        ("i,jk->k", ((2,), (3, 4))),
        ("ii->i", ((3, 3),)),
        ("ii", ((3, 3),)),
        ("iij,j->i", ((3, 3, 2), (2,))),
        ("i,ii->i", ((1,), (3, 3))),
        ("iii,i->", ((2, 2, 2), (2,))),
        (",ab->ba", ((), (2, 3))),
        ("...ij,...jk->...ik", ((5, 1, 2, 3), (4, 3, 2))),
        ("...i,i", ((2, 3, 4), (4,))),
        ("ij,ij->i", ((3, 1), (3, 4))),  # the 1 broadcasts
        ("bhqd,bhkd->bhqk", ((2, 2, 3, 4), (2, 2, 5, 4))),
        ("a,b,c,abc->", ((2,), (3,), (4,), (2, 3, 4))),
    )
]

x = np.ones((2, 3), np.float32)

BAD = [
    Bad("einsum", ("ij,jk", [x]), {}, ShapeError, "einsum: subscripts 'ij,jk' name 2 operands"),
    Bad("einsum", ("ij,jk", [x, x]), {}, ShapeError, r"einsum: 'j' has length 2 in operand 1"),
    Bad("einsum", ("ii", [x]), {}, ShapeError, "einsum: 'i' has length 3 in operand 0"),
    Bad("einsum", ("ii", [x[:1]]), {}, ShapeError, "einsum: 'i' has length 3 in operand 0"),
    Bad("einsum", ("ijk", [x]), {}, ShapeError, "do not fit the axes of operand 0"),
    Bad("einsum", ("i", [x]), {}, ShapeError, "do not fit the axes of operand 0"),
    Bad("einsum", ("i.j", [x]), {}, ShapeError, "'i.j' is not made of letters"),
    Bad("einsum", ("ij->ik", [x]), {}, ShapeError, "from an operand, which 'k' is not"),
    Bad("einsum", ("ij->ii", [x]), {}, ShapeError, "each letter once .* which 'i' is not"),
    Bad("einsum", (3, [x]), {}, ShapeError, "einsum: subscripts must be a str"),
]

FORMULAS = ("ab,bc->ac", "ab,ab->a", "aab,b->a", "a,b,abc->c", "ab->", "...a,...a->...",
            "a...,ba", "cab,c->ba", "aa->a", "abc,dbc,ad")  # fmt: skip


def formula(rng):
    subscripts = choice(rng, *FORMULAS)
    length = dict(zip("abcd", map(int, rng.integers(1, 5, 4)), strict=True))
    dots = tuple(map(int, rng.integers(1, 4, int(rng.integers(0, 3)))))
    shapes = []
    for letters in subscripts.split("->")[0].split(","):
        shape = [length[a] for a in letters if a != "."]
        if "..." in letters:
            at = letters.index(".")
            shape[at:at] = dots[int(rng.integers(0, len(dots) + 1)) :]
        shapes.append(shape)
    return (subscripts, [rng.standard_normal(shape) for shape in shapes]), {}


def of_torch(torch, subscripts, xs):
    return torch.einsum(subscripts, *xs)


SHARED = [Shared("einsum", of_torch, formula)]
