from collections.abc import Sequence

from numpy.typing import NDArray

LEVELS: tuple[str, ...]

def multiply_add(level: str, double_precision: bool, steps: int, threads: int) -> int: ...
def transfer(
    kind: str,
    level: str,
    arrays: Sequence[NDArray],
    passes: int,
    threads: int,
    stream: bool = False,
) -> int: ...
