"""Which kernel runs: for the process, a block, a thread, a task, a single kernel."""

import asyncio
import threading

import numpy as np
import pytest

import odyssey as od
from odyssey import backend, fast, reference
from odyssey.errors import OdysseyError

x = np.array([[1.0, -2.0]], np.float32)

compiled = pytest.mark.skipif(not fast.LEVEL, reason="nothing was compiled in this installation")


@pytest.fixture(autouse=True)
def _restored():
    before = od.get_backend()
    yield
    od.set_backend(before)


# -- choosing ----------------------------------------------------------------------------------


def test_set_backend():
    for name in ("reference", "fast"):
        od.set_backend(name)
        assert od.get_backend() == name


@compiled
def test_kernel_is_the_twin_of_the_selected_backend():
    with od.use_backend("reference"):
        assert backend.kernel("relu") is reference.relu
    with od.use_backend("fast"):
        assert backend.kernel("relu") is fast.relu


def test_blocks_nest():
    od.set_backend("fast")
    with od.use_backend("reference"):
        with od.use_backend("fast"):
            assert od.get_backend() == "fast"
            od.set_backend("reference")  # the process's; blocks keep theirs
            assert od.get_backend() == "fast"
        assert od.get_backend() == "reference"
    assert od.get_backend() == "reference"


def test_block_ends_with_an_exception():
    od.set_backend("fast")
    with pytest.raises(ZeroDivisionError), od.use_backend("reference"):
        1 / 0  # noqa: B018
    assert od.get_backend() == "fast"


def test_block_as_a_decorator():
    @od.use_backend("reference")
    def run():
        return od.get_backend()

    od.set_backend("fast")
    assert run() == run() == "reference" and od.get_backend() == "fast"


@compiled
def test_single_kernels():
    with od.use_backend("fast", softmax="reference"):
        assert od.get_backend() == "fast"
        assert backend.kernel("softmax") is reference.softmax
        assert backend.kernel("softmax_backward") is reference.softmax_backward
        assert backend.kernel("log_softmax") is fast.log_softmax


@compiled
def test_single_kernels_are_added_to_the_enclosing_choice():
    with od.use_backend("reference", relu="fast"), od.use_backend(softmax="fast"):
        assert od.get_backend() == "reference"
        assert backend.kernel("relu") is fast.relu
        assert backend.kernel("softmax_backward") is fast.softmax_backward
        assert backend.kernel("matmul") is reference.matmul
    with od.use_backend("reference", relu="fast"), od.use_backend("fast"):
        assert backend.kernel("matmul") is fast.matmul


@compiled
def test_backward_alone_can_be_overridden():
    with od.use_backend("fast", relu_backward="reference"):
        assert backend.kernel("relu") is fast.relu
        assert backend.kernel("relu_backward") is reference.relu_backward


# -- who sees it -------------------------------------------------------------------------------


def test_a_thread_does_not_see_the_block_of_another():
    od.set_backend("fast")
    seen = []
    inside, done = threading.Event(), threading.Event()

    def work():
        with od.use_backend("reference"):
            inside.set()
            done.wait(30)
            seen.append(od.get_backend())

    thread = threading.Thread(target=work)
    thread.start()
    assert inside.wait(30)
    assert od.get_backend() == "fast"
    done.set()
    thread.join(30)
    assert seen == ["reference"]


def test_set_backend_reaches_other_threads():
    od.set_backend("reference")
    seen = []
    thread = threading.Thread(target=lambda: seen.append(od.get_backend()))
    thread.start()
    thread.join(30)
    assert seen == ["reference"]


def test_tasks_do_not_see_each_others_blocks():
    async def task(name, mine, other):
        with od.use_backend(name):
            mine.set()
            await other.wait()  # both are inside their block now
            return od.get_backend()

    async def both():
        a, b = asyncio.Event(), asyncio.Event()
        return await asyncio.gather(task("fast", a, b), task("reference", b, a))

    assert asyncio.run(both()) == ["fast", "reference"]


# -- errors ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: od.set_backend("slow"), "expected one of fast, reference, got 'slow'"),
        (lambda: od.use_backend("slow").__enter__(), "got 'slow'"),
        (lambda: od.use_backend("fast", relu="slow").__enter__(), "got 'slow'"),
        (
            lambda: od.use_backend("fast", softmx="fast").__enter__(),
            "no kernel named 'softmx'; did you mean 'softmax'",
        ),
        (lambda: od.use_backend(matmull="fast").__enter__(), "did you mean 'matmul'"),
        (lambda: od.use_backend(zzz="fast").__enter__(), "no kernel named 'zzz'$"),
    ],
)
def test_bad_choice(call, message):
    before = od.get_backend()
    with pytest.raises(OdysseyError, match=message):
        call()
    assert od.get_backend() == before


def test_show_config(capsys):
    with od.use_backend("reference"):
        od.show_config()
    printed = capsys.readouterr().out
    rows = dict(line.split("  ", 1) for line in printed.splitlines())
    assert rows.pop("backend").strip() == "reference"
    assert rows["instruction set"].strip() == (fast.LEVEL or "none (pure Python)")
    assert rows["odyssey"].strip() == od.__version__


# -- the environment ---------------------------------------------------------------------------

SHOW = "import odyssey as od; print(od.get_backend(), od.fast.LEVEL)"


@pytest.mark.parametrize("name", ["fast", "reference"])
def test_environment_chooses_the_backend(run_python, name):
    result = run_python(SHOW, ODYSSEY_BACKEND=name)
    assert result.stdout.split()[0] == name, result.stderr


def test_environment_with_an_unknown_backend(run_python):
    result = run_python(SHOW, ODYSSEY_BACKEND="slow")
    assert result.returncode != 0
    assert "OdysseyError: backend: expected one of fast, reference, got 'slow'" in result.stderr


@pytest.mark.parametrize("level", fast.AVAILABLE_LEVELS)
def test_environment_chooses_the_level(run_python, level):
    result = run_python(SHOW, ODYSSEY_CPU=level)
    assert result.stdout.split()[1] == level, result.stderr


@compiled
def test_best_level_is_the_default(run_python):
    assert run_python(SHOW).stdout.split()[1] == fast.AVAILABLE_LEVELS[-1]


@compiled
def test_environment_with_a_level_that_cannot_run(run_python):
    result = run_python(SHOW, ODYSSEY_CPU="v9")
    assert result.returncode != 0
    assert "ImportError: odyssey: ODYSSEY_CPU='v9' asks for a level that cannot" in result.stderr
    assert "this CPU runs: " + ", ".join(fast.AVAILABLE_LEVELS) in result.stderr


# -- packages that were not compiled -----------------------------------------------------------


def test_checkout_that_was_never_built(run_python, uncompiled):
    result = run_python("import odyssey", package=uncompiled)
    assert result.returncode != 0
    assert "ImportError: odyssey: this checkout has not been built" in result.stderr
    assert "pip install ." in result.stderr and "ODYSSEY_NO_EXT=1" in result.stderr


RUN_TWICE = """
import warnings
warnings.simplefilter("always")
import numpy as np, odyssey as od
print(od.__file__)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    x = od.tensor([[1.0, -2.0]], requires_grad=True)
    print("at import and creation:", len(caught))
    od.core.relu(x).sum().backward()
    od.core.softmax(x)
    print("in all:", len(caught), caught[0].category.__name__, caught[0].message)
print(x.grad.tolist(), od.fast.LEVEL, od.get_backend())
"""


def test_pure_package_says_once_that_it_is_slow(run_python, pure):
    result = run_python(RUN_TWICE, package=pure)
    assert result.returncode == 0, result.stderr
    where, at_import, in_all, values = result.stdout.splitlines()
    assert where.startswith(str(pure))
    assert at_import == "at import and creation: 0"
    assert in_all.startswith("in all: 1 RuntimeWarning odyssey: this installation has no compiled")
    assert values == "[[1.0, 0.0]] None fast"


def test_pure_package_is_silent_on_the_reference(run_python, pure):
    program = "import odyssey as od; print(od.core.relu(od.ones(2)))"
    result = run_python(program, package=pure, ODYSSEY_BACKEND="reference", PYTHONWARNINGS="error")
    assert result.stdout == "tensor([1., 1.])\n", result.stderr


def test_pure_package_names_the_missing_kernel(run_python, pure):
    result = run_python("import odyssey as od; od.fast.matmul", package=pure)
    assert "AttributeError: odyssey.fast.matmul: this installation has no compiled" in result.stderr
    assert "odyssey.reference.matmul is the same function" in result.stderr


def test_pure_package_where_compiled_kernels_are_required(run_python, pure):
    result = run_python("import odyssey", package=pure, ODYSSEY_REQUIRE_EXT="1")
    assert result.returncode != 0
    assert "ImportError: odyssey: ODYSSEY_REQUIRE_EXT is set" in result.stderr
    assert run_python("import odyssey", package=pure, ODYSSEY_REQUIRE_EXT="0").returncode == 0


def test_fast_has_no_other_attributes():
    with pytest.raises(AttributeError, match="has no attribute 'matmull'"):
        fast.matmull  # noqa: B018
