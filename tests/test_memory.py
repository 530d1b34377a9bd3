"""The memory pool: blocks come back, from whichever thread, and nobody can tell that they do."""

import gc
import os
import pickle
import textwrap
import threading

import numpy as np
import pytest

import odyssey as od
from odyssey import core, fast
from odyssey.errors import ShapeError

pytestmark = pytest.mark.skipif(not fast.LEVEL, reason="nothing was compiled here: no pool")

MIB = 2**20


@pytest.fixture(autouse=True)
def fresh_pool():
    """Begin with an empty cache, and restore the limit."""
    before = od.memory_stats()["cache_limit_bytes"]
    gc.collect()
    od.empty_cache()
    yield
    od.set_cache_limit(before)


def floats(mib, dtype=np.float32):
    """Return NumPy's zeros of so many MiB: not on the pool."""
    return np.zeros(int(mib * MIB) // np.dtype(dtype).itemsize, dtype)


def gained(before):
    """Return how the counters differ from those of ``before``."""
    return {name: value - before[name] for name, value in od.memory_stats().items()}


# -- the counters ----------------------------------------------------------------------------------


def test_a_block_is_allocated_cached_and_used_again():
    x = floats(1)
    start = od.memory_stats()
    y = fast.relu(x)
    assert gained(start)["allocated_bytes"] == MIB
    assert gained(start)["misses"] == 1 and gained(start)["hits"] == 0
    where = y.ctypes.data
    del y
    assert gained(start)["allocated_bytes"] == 0
    assert od.memory_stats()["cached_bytes"] == MIB
    y = fast.relu(x)
    assert y.ctypes.data == where
    assert gained(start)["hits"] == 1 and gained(start)["misses"] == 1
    assert od.memory_stats()["cached_bytes"] == 0


def test_reserved_is_allocated_and_cached():
    arrays = [fast.relu(floats(mib)) for mib in (0.5, 1, 3, 7)]
    del arrays[::2]
    stats = od.memory_stats()
    assert stats["reserved_bytes"] == stats["allocated_bytes"] + stats["cached_bytes"]
    assert stats["cached_bytes"] >= 3.5 * MIB


def test_peak_and_its_reset():
    od.reset_peak_memory_stats()
    start = od.memory_stats()
    for _ in range(3):
        pair = fast.relu(floats(1)), fast.relu(floats(2))
        del pair
    assert gained(start)["peak_allocated_bytes"] == 3 * MIB
    assert gained(start)["allocated_bytes"] == 0
    od.reset_peak_memory_stats()
    assert gained(start)["peak_allocated_bytes"] == 0


def test_no_more_than_an_eighth_of_a_block_is_wasted():
    for size in (4096, 4097, 5000, 65536, 65537, 99_991, 1_000_003, 2**22 + 1):
        start = od.memory_stats()
        y = fast.relu(np.zeros(size // 2, np.float16))
        assert y.nbytes <= gained(start)["allocated_bytes"] <= y.nbytes * 9 / 8 + 1
        del y


def test_small_arrays_are_not_the_pools():
    start = od.memory_stats()
    y = fast.relu(np.zeros(1000, np.float32))
    assert gained(start) == dict.fromkeys(start, 0) and y.size == 1000


def test_data_stand_on_a_cache_line():
    for dtype in (np.float16, np.float32, np.float64):
        for mib in (0.01, 0.3, 5):
            assert fast.relu(floats(mib, dtype)).ctypes.data % 64 == 0


# -- the cache -------------------------------------------------------------------------------------


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="no /proc here")
def test_empty_cache_returns_memory_to_the_system():
    y = fast.relu(floats(64))
    y += 1
    del y
    before = resident()
    od.empty_cache()
    assert before - resident() > 60 * MIB
    assert od.memory_stats()["cached_bytes"] == 0


def test_the_cache_keeps_to_its_limit_and_drops_what_was_idle_longest():
    od.set_cache_limit(4 * MIB)
    old, young = fast.relu(floats(1)), fast.relu(floats(3))
    del old, young
    assert od.memory_stats()["cached_bytes"] == 4 * MIB
    last = fast.relu(floats(2))
    del last
    assert od.memory_stats()["cached_bytes"] == 2 * MIB  # 1 MiB is too little to drop, 3 is more
    start = od.memory_stats()
    again = fast.relu(floats(2))
    assert gained(start)["hits"] == 1 and again.size


def test_a_limit_of_zero_keeps_nothing():
    od.set_cache_limit(0)
    y = fast.relu(floats(1))
    del y
    assert od.memory_stats()["reserved_bytes"] == od.memory_stats()["allocated_bytes"]


def test_limits_that_are_none():
    with pytest.raises(ValueError, match="set_cache_limit: limit must not be negative, got -1"):
        od.set_cache_limit(-1)
    with pytest.raises(TypeError):
        od.set_cache_limit(1.5)


# -- arrays look like any other --------------------------------------------------------------------


def test_arrays_own_their_memory():
    y = fast.relu(floats(1))
    assert y.base is None and y.flags.owndata and y.flags.writeable and y.flags.c_contiguous


def test_views_keep_the_block():
    start = od.memory_stats()
    view = fast.relu(np.ones(MIB // 4, np.float32)).reshape(512, 512)[3:, ::2].T
    gc.collect()
    assert gained(start)["allocated_bytes"] == MIB
    other = fast.relu(np.zeros(MIB // 4, np.float32))  # must not get the same block
    assert (view == 1).all() and not other.any()
    del view
    assert gained(start)["allocated_bytes"] == MIB
    del other
    assert gained(start)["allocated_bytes"] == 0


def test_resize():
    start = od.memory_stats()
    y = fast.relu(np.arange(MIB // 4, dtype=np.float32))
    y.resize(MIB, refcheck=False)
    assert np.array_equal(y[: MIB // 4], np.arange(MIB // 4)) and not y[MIB // 4 :].any()
    assert gained(start)["allocated_bytes"] == 4 * MIB
    y.resize(10, refcheck=False)
    assert y.tolist() == list(range(10))
    del y
    assert gained(start)["allocated_bytes"] == 0


def test_pickle_and_copies():
    y = fast.relu(np.arange(MIB // 4, dtype=np.float32))
    for other in (pickle.loads(pickle.dumps(y)), y.copy(), np.array(y), np.asarray(memoryview(y))):
        assert np.array_equal(other, y)


def test_dlpack_and_files(tmp_path):
    start = od.memory_stats()
    y = core.relu(od.arange(MIB // 4).astype("float32"))
    od.save({"y": y}, tmp_path / "y.safetensors")
    np.save(tmp_path / "y.npy", y.data)
    there = np.from_dlpack(y)
    del y
    assert gained(start)["allocated_bytes"] == MIB  # the consumer holds it
    assert np.array_equal(there, np.arange(MIB // 4))
    assert np.array_equal(od.load(tmp_path / "y.safetensors")["y"].data, there)
    assert np.array_equal(np.load(tmp_path / "y.npy"), there)
    del there
    gc.collect()
    assert gained(start)["allocated_bytes"] == 0


def test_channels_last_and_other_orders():
    x = np.ones((3, 40, 50, 8), np.float32).transpose(0, 3, 1, 2)
    for array in (x, np.asfortranarray(x), x.transpose(3, 1, 0, 2)):
        y = fast.relu(array)
        assert y.strides == np.empty_like(array).strides
        assert np.array_equal(y, array)


# -- leaks, threads, processes ---------------------------------------------------------------------


def test_training_leaks_no_block():
    model = od.models.mlp((784,), 10, (256,))
    optimizer = od.training.optimizers.AdamW(model.parameters())
    x, labels = od.randn(64, 784), np.arange(64) % 10

    def step():
        optimizer.zero_grad()
        core.cross_entropy(model(x), labels).backward()
        optimizer.step()

    held = []
    for _ in range(6):
        step()
        optimizer.zero_grad()
        gc.collect()
        held.append(od.memory_stats()["allocated_bytes"])
    assert len(set(held[2:])) == 1, held
    start = od.memory_stats()
    step()
    assert gained(start)["misses"] == 0  # every block had been there


def test_threads_allocate_and_free_each_others_blocks():
    start = od.memory_stats()
    handed, failures = [], []

    def work(seed):
        rng = np.random.default_rng(seed)
        for _ in range(200):
            value, n = rng.random(dtype=np.float32), int(rng.integers(1024, 60_000))
            handed.append((value, fast.relu(np.full(n, value))))
            value, array = handed.pop(rng.integers(len(handed)) if seed else 0)
            if not (array == value).all():
                failures.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    handed.clear()
    assert gained(start)["allocated_bytes"] == 0


def test_arrays_that_outlive_the_interpreter(run_python):
    done = run_python(
        textwrap.dedent("""
        import numpy as np, odyssey as od, sys, threading
        sys.kept = [od.fast.relu(np.ones(100_000)) for _ in range(3)]
        cycle = [od.fast.relu(np.ones(100_000))]
        cycle.append(cycle)
        threading.local().kept = od.fast.relu(np.ones(100_000))
    """)
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_has_a_pool_of_its_own(run_python):
    done = run_python(
        textwrap.dedent("""
        import os, numpy as np, odyssey as od
        x = np.ones(200_000)
        before, waiting = od.fast.relu(x), od.fast.relu(x)
        del waiting
        child = os.fork()
        reused = od.fast.relu(-x if child else x)
        assert (reused == (0 if child else 1)).all() and (before == 1).all()
        del reused, before
        assert od.memory_stats()["allocated_bytes"] == 0
        if child:
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    """)
    )
    assert (done.returncode, done.stderr) == (0, "")


# -- no memory -------------------------------------------------------------------------------------


def test_a_result_that_fits_no_memory_is_named():
    wide = np.broadcast_to(np.float32(0), (10**9, 10**9))
    with pytest.raises(MemoryError, match=r"3.73e\+09 GiB, shape \(1000000000, 1000000000\)"):
        fast.relu(wide)


def test_a_process_that_runs_out_of_memory_lives_on(run_python):
    pytest.importorskip("resource")
    done = run_python(
        textwrap.dedent("""
        import resource, numpy as np, odyssey as od
        od.set_num_threads(1)
        x = np.ones(2**25, np.float32)                  # 128 MiB
        y = od.fast.relu(x)
        del y                                           # waits in the cache
        used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + 2**26, used + 2**26))
        try:
            od.fast.relu(np.broadcast_to(x[:1], (2**27,)))
        except MemoryError as error:
            print(error)
        # The cache was given up for it, which is now enough for a smaller one.
        assert od.memory_stats()["cached_bytes"] == 0
        print(od.fast.relu(x[: 2**24]).sum() == 2**24)
    """)
    )
    assert done.stdout.splitlines() == [
        "odyssey: no memory for a result of 0.5 GiB, shape (134217728,)",
        "True",
    ], done.stderr


def test_batches_that_fit():
    assert od.calculate_max_batch_size((10,), "float64", 80 * 7 + 79) == 7
    assert od.calculate_max_batch_size((), "int8", 5) == 5
    for shape, bound in (((3, 0), 100), ((100,), 399)):
        with pytest.raises(ShapeError, match="calculate_max_batch_size: a sample of shape"):
            od.calculate_max_batch_size(shape, "float32", bound)
