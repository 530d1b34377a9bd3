"""How many threads the kernels use, and what happens to them across a fork.

Results never depend on the number of threads: kernels split their work over
outputs. So the number is a matter of speed alone.
"""

from __future__ import annotations

import os

from odyssey import fast
from odyssey.errors import OdysseyError

__all__ = ["get_num_threads", "set_num_threads"]

_forked = False
_count = 1


def _usable_cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _initial_count() -> int:
    """Return the thread count that the environment asks for."""
    for variable in ("ODYSSEY_NUM_THREADS", "OMP_NUM_THREADS"):
        value = os.environ.get(variable, "")
        if value.isdecimal() and int(value) > 0:
            return int(value)
    if "PYTEST_XDIST_WORKER" in os.environ:
        return 1  # the workers are the parallelism; more threads would only fight
    return _usable_cpus()


def _apply(n: int) -> None:
    global _count
    _count = n
    if fast.LEVEL:
        from odyssey._ext import _threads

        _threads.set_num_threads(n)


def get_num_threads() -> int:
    """Return the number of threads that the fast kernels may use."""
    return _count if fast.OPENMP else 1


def set_num_threads(n: int) -> None:
    """Set the number of threads of the fast kernels and of NumPy's BLAS.

    The start value is ``ODYSSEY_NUM_THREADS``, else ``OMP_NUM_THREADS``, else
    the number of CPUs that this process may use. Results are the same, bit for
    bit, for any number.

    Parameters
    ----------
    n : int
        At least 1.

    Raises
    ------
    OdysseyError
        If ``n`` is not a positive integer, or is more than 1 in a forked
        child: the OpenMP runtime does not survive a fork, and a second thread
        would wait for ever. Start such workers with ``spawn`` or
        ``forkserver``.
    """
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise OdysseyError(f"set_num_threads: n must be a positive integer, got {n!r}")
    if n > 1 and _forked:
        raise OdysseyError(
            f"set_num_threads: a forked process has one kernel thread, got n={n}; "
            "start worker processes with 'spawn' or 'forkserver' to give them more"
        )
    _apply(n)
    # Imported here because it is needed by none but this call.
    import threadpoolctl

    threadpoolctl.threadpool_limits(n, user_api="blas")


def _after_fork() -> None:
    global _forked
    _forked = True
    _apply(1)


_apply(_initial_count())
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
