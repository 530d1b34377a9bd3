r"""
From loops to Cython
====================

One matrix product, written six times. We begin with three loops in Python and end near the limit of
the processor, some ten thousand times as fast. Each step has one idea: types, the order of the
loops, threads, blocks, registers. Each is checked against odyssey's reference, timed against NumPy
in the same run, and held against the limits of the machine, which we measure first.

You need to know what a matrix product is. You also need gcc or clang, since this program compiles C
while it runs. Of C itself, know that ``float* p`` is a place in memory with numbers from there on.
"""

# %%
# The product, and its price
# --------------------------
#
# An M×K matrix a times a K×N matrix b is an M×N matrix c. Each of its numbers is a sum:
#
# .. math:: c_{ij} = \sum_{k} a_{ik}\, b_{kj} .
#
# First step: say just that.

import html
import importlib.util
import inspect
import re
import tempfile
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from Cython.Build import cythonize
from setuptools import Distribution, Extension
from setuptools.command.build_ext import build_ext
from setuptools.errors import BaseError, CCompilerError
from threadpoolctl import threadpool_info

import odyssey as od

# sphinx_gallery_start_ignore
# ruff: noqa: D103, B018 (the text describes the functions; a page shows what a block ends with)
# sphinx_gallery_end_ignore


def three_loops(a, b):
    (M, K), N = a.shape, b.shape[1]
    c = np.zeros((M, N), a.dtype)
    for i in range(M):
        for j in range(N):
            for k in range(K):
                c[i, j] += a[i, k] * b[k, j]
    return c


# %%
# That is M·N·K multiplications and as many additions. The speed of such programs is counted in
# *floating-point operations*, flops for short: 1 GFLOP/s is a billion in a second. A product of
# 1000×1000 matrices takes 2 GFLOP, however it is written.
#
# The three loops may stand in any of six orders. This one finishes one c[i, j] before it begins the
# next, so the innermost loop is a product of two vectors, which NumPy does in one call:
# ``c[i, j] = np.dot(a[i], b[:, j])``. ``odyssey.reference.matmul`` is written so.
#
# A compiler on call
# ------------------
#
# `Cython <https://cython.readthedocs.io>`_ translates Python to C, and lets you add C's types. Most
# projects compile when they are installed. We do it step by step, with a function that takes a
# source and returns the finished module. ``cythonize`` writes the C file, setuptools calls the
# compiler, and all of it happens in a folder that is gone afterwards.

FLAGS = [
    "-O3",
    "-march=native",  # every instruction that this processor has
    "-ffp-contract=fast",  # a * b + c may be one instruction
    "-fopenmp",  # threads, from step three on
    "--param=max-completely-peeled-insns=2000",  # unroll long loops, for step five
    "-g0",  # nothing for a debugger: compiles faster
]
NO_COMPILER = """compiling failed; the compiler's own words, if there is one, stand above.
This tutorial needs gcc or clang and Python's C headers. On Debian and Ubuntu:
apt install build-essential python3-dev"""


def build(name, source):
    """Compile a Cython source; return the module and its annotated lines."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"{name}.pyx")
        path.write_text(source)
        extension = Extension(
            name, [str(path)], extra_compile_args=FLAGS, extra_link_args=["-fopenmp"]
        )
        modules = cythonize([extension], annotate=True, language_level=3, quiet=True)
        command = build_ext(Distribution({"ext_modules": modules}))
        command.build_lib = command.build_temp = folder
        command.ensure_finalized()
        try:
            command.run()
        except (BaseError, CCompilerError) as error:
            raise RuntimeError(NO_COMPILER) from error
        spec = importlib.util.spec_from_file_location(name, command.get_ext_fullpath(name))
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module, Annotated(path.with_suffix(".html").read_text())


# %%
# ``annotate=True`` is what ``cython -a`` does on the command line. It makes an HTML page on which a
# line is the more yellow, the more it deals with Python: its *score* counts the calls of Python's C
# interface in its translation. It is the most useful tool that Cython has. We read the scores from
# that page, and draw the lines in its colours.


class Annotated(list):
    """The lines of a source, each with its score."""

    def __init__(self, page):
        found = re.findall(r'<pre class="cython line score-(\d+)"[^>]*>(.*?)</pre>', page, re.S)
        for score, line in found:
            text = html.unescape(re.sub("<[^>]*>", "", line))
            self.append((int(score), text[1:]))  # without the + that unfolds the C code

    def __str__(self):
        yellow = sum(score > 0 for score, _ in self)
        inner = max(score for score, line in self if "+=" in line)
        return f"{yellow} of {len(self)} lines use Python; the innermost has a score of {inner}"

    def _repr_html_(self):
        rows = ""
        for score, line in self:
            colour = f"#ffff{int(255 / (1 + score / 10)):02x}"
            rows += f'<div style="background: {colour}">{html.escape(line) or " "}</div>'
        return f'<pre style="color: black; background: white; font-size: small">{rows}</pre>'


# %%
# What the machine can do
# -----------------------
#
# How fast is fast? We ask the machine before we ask our programs.
#
# It computes in *vector registers*. With AVX-512 each holds 16 floats, called lanes; with AVX2, 8.
# A fused multiply-add (FMA) is one instruction for x·y + z in all lanes, 2 flops each. A core can
# begin one or two of them in every cycle, but only if none waits for the result of another, which
# takes about four cycles. So twelve independent sums reach the *peak*.
#
# gcc and clang have types for such registers, with ``+`` and ``*`` for all lanes. Cython need not
# know. We *tell* it that ``vec`` is a float; it writes ``a * b + c`` into the C file, and there the
# C compiler knows better. What stands between the quotes is C, and is copied as it is.

VECTORS = r'''
# cython: boundscheck=False, wraparound=False, cdivision=True
cdef extern from *:
    """
    #if defined(__AVX512F__)            /* 32 registers of 16 lanes */
    enum { LANES = 16, ROWS = 14 };
    #elif defined(__AVX2__)             /* 16 registers of 8 lanes */
    enum { LANES = 8, ROWS = 6 };
    #else
    enum { LANES = 4, ROWS = 6 };
    #endif
    enum { WIDTH = 2 * LANES };
    typedef float vec __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
    static inline vec load(const float *p) { return *(const vec *)p; }
    static inline void store(float *p, vec v) { *(vec *)p = v; }
    """
    enum: LANES, ROWS, WIDTH
    ctypedef float vec
    vec load(const float*) noexcept nogil
    void store(float*, vec) noexcept nogil
'''

MACHINE = r"""
lanes, rows, width = LANES, ROWS, WIDTH    # for Python

def multiply_add(float[::1] numbers, Py_ssize_t rounds):
    cdef vec[12] sums
    cdef vec x = load(&numbers[0]), y = load(&numbers[LANES])
    cdef Py_ssize_t i, r
    for i in range(12):
        sums[i] = load(&numbers[i])
    for r in range(rounds):
        for i in range(12):
            sums[i] = sums[i] * x + y
    for i in range(1, 12):
        sums[0] += sums[i]
    store(&numbers[2 * LANES], sums[0])     # what nobody uses, the compiler leaves out
    return 2 * 12 * LANES * rounds          # flops

def read(float[::1] numbers, Py_ssize_t rounds):
    cdef vec[8] sums
    cdef Py_ssize_t i, r, start, steps = numbers.shape[0] // (8 * LANES)
    for i in range(8):
        sums[i] = load(&numbers[i])
    for r in range(rounds):
        for start in range(steps):
            for i in range(8):
                sums[i] += load(&numbers[(8 * start + i) * LANES])
    for i in range(1, 8):
        sums[0] += sums[i]
    store(&numbers[0], sums[0])
    return 4 * 8 * LANES * steps * rounds   # bytes
"""

machine, _ = build("machine", VECTORS + MACHINE)


def per_nanosecond(function, *args):
    """Return the work that a function reports for a nanosecond: GFLOP/s or GB/s."""
    start = time.perf_counter()
    work = function(*args)
    return work / (time.perf_counter() - start) / 1e9


few = np.full(64, 0.5, np.float32)
peak = max(per_nanosecond(machine.multiply_add, few, 200_000) for _ in range(10))
print(f"{machine.lanes} lanes, peak of one core: {peak:.0f} GFLOP/s")

# %%
# The other limit is how fast numbers get into the registers. Near the core lie *caches*, small
# memories for what was used last, in *lines* of 64 bytes: L1 (often 32 KiB), L2 (often 1 MiB) and
# L3 (shared by the cores). The farther away, the slower. Which of them answers depends on how much
# we read, again and again:

bandwidth = {}
for place, size in {"L1": 2**14, "L2": 2**18, "L3": 2**22, "memory": 2**27}.items():
    numbers = np.full(size // 4 + 16, 0, np.float32)  # np.zeros would not touch the memory yet
    numbers = numbers[-numbers.ctypes.data % 64 // 4 :][: size // 4]  # no vector in two lines
    rounds = 2**27 // size
    bandwidth[place] = max(per_nanosecond(machine.read, numbers, rounds) for _ in range(20))
    print(f"{size // 1024:7d} KiB, so {place:6s}: {bandwidth[place]:6.1f} GB/s")

# %%
# Now put the two together. A program that does I flops for each byte that it loads (its *arithmetic
# intensity*) can do no more than
#
# .. math:: \min(\text{peak},\; I \cdot \text{bandwidth}) .
#
# Drawn over I this is the *roofline* of `Williams, Waterman and Patterson
# <https://doi.org/10.1145/1498765.1498785>`_ (2009): a slope, then a ceiling. To reach the ceiling,
# do much with little.
#
# How we measure
# --------------
#
# All contenders run several times, in turns, so that a disturbance of the machine meets them all.
# We keep the shortest time of each, as nothing makes a program faster than it is. The peak runs
# along, since processors change their clock. :func:`odyssey.set_num_threads` limits odyssey, and
# through threadpoolctl also OpenBLAS, or whatever NumPy hands the product to. For now, one thread.
#
# A wrong result is worth no time. :func:`odyssey.testing.difference` finds the largest error,
# relative to the largest number; :func:`~odyssey.testing.tolerance` is what rounding may explain.

SMALL, LARGE = 100, 1000
all_threads = od.get_num_threads()
od.set_num_threads(1)
for library in threadpool_info():
    if library["user_api"] == "blas":
        print(f"NumPy calls {library['internal_api']}, threads: {library['num_threads']}")

rng = np.random.default_rng(0)
matrices, expected, speeds = {}, {}, {}
for n in (SMALL, LARGE):
    a, b = (rng.standard_normal((n, n)).astype(np.float32) for _ in range(2))
    matrices[n], expected[n] = (a, b), od.reference.matmul(a, b)


def step(n, rounds, **contenders):
    """Check these functions on n×n matrices, and time them beside NumPy and the peak."""
    a, b = matrices[n]
    contenders["NumPy"] = np.matmul
    errors, best = {"peak": ""}, dict.fromkeys([*contenders, "peak"], 0.0)
    for name, function in contenders.items():
        error = od.testing.difference(function(a, b), expected[n]).error
        assert error <= od.testing.tolerance(np.float32, terms=n), f"{name} is off by {error:.1e}"
        errors[name] = f"{error:.1e}"
    threads = od.get_num_threads()
    for _ in range(rounds):
        for name, function in contenders.items():
            time.sleep(0.05 * (threads > 1))  # threads of the last one may still wait for work
            turn = time.perf_counter()
            while time.perf_counter() < turn + 0.002:
                start = time.perf_counter()
                function(a, b)
                best[name] = max(best[name], 2 * n**3 / (time.perf_counter() - start) / 1e9)
        one_core = per_nanosecond(machine.multiply_add, few, 100_000)
        best["peak"] = max(best["peak"], threads * one_core)
    print(f"{f'{n}×{n}':14s}{'GFLOP/s':>12s}{'% of NumPy':>12s}{'% of peak':>12s}{'error':>10s}")
    for name, speed in best.items():
        of_numpy, of_peak = 100 * speed / best["NumPy"], 100 * speed / best["peak"]
        print(f"{name:14s}{speed:12.3g}{of_numpy:12.3g}{of_peak:12.3g}{errors[name]:>10s}")
    speeds.update({(name, threads): speed for name, speed in best.items()})


# %%
# The first step. It gets small matrices; with the large ones it would take minutes.

step(SMALL, 3, three_loops=three_loops, reference=od.reference.matmul)

# %%
# Where does the time go? Python does not know that ``a[i, k]`` is a float. It makes a tuple (i, k),
# looks up what ``[]`` means for an array, makes an object for the number, looks up what ``*`` means
# for that, makes another object, and so on. Two flops are lost among hundreds of instructions.
#
# Step two: types
# ---------------
#
# First the same function, compiled as it is:

source = "import numpy as np\n" + inspect.getsource(three_loops)
untyped, lines = build("untyped", source)
print(lines)
lines

# %%
# Yellow all over. It is C now, but C that asks Python what to do at every step. So tell Cython what
# we know:
#
# - ``Py_ssize_t`` is C's integer for sizes and indices. Loops over it are C loops.
# - ``const float[:, ::1]`` is a *memoryview*: the numbers of an array with two axes, of which the
#   last has its elements side by side (``::1``), and which are only read (``const``). Cython now
#   computes where ``a[i, k]`` is. Arrays of another kind are refused.

TYPED = """
import numpy as np

def matmul(const float[:, ::1] a, const float[:, ::1] b):
    cdef Py_ssize_t M = a.shape[0], K = a.shape[1], N = b.shape[1]
    cdef Py_ssize_t i, j, k
    out = np.zeros((M, N), np.float32)
    cdef float[:, ::1] c = out
    for i in range(M):
        for j in range(N):
            for k in range(K):
                c[i, j] += a[i, k] * b[k, j]
    return out
"""

checked, lines = build("checked", TYPED)
print(lines)
lines

# %%
# The loops are white. Only the innermost line is still pale yellow: it asks whether an index is
# outside (then it raises IndexError) and whether it is negative (then it counts from the end). Two
# *directives* in the first line of the file switch these questions off. From then on a wrong index
# reads foreign memory, or crashes. So this is the last thing to do, not the first.

UNCHECKED = "# cython: boundscheck=False, wraparound=False\n"
typed, lines = build("typed", UNCHECKED + TYPED)
print(lines)

step(SMALL, 3, untyped=untyped.three_loops, checked=checked.matmul, typed=typed.matmul)

# %%
# Compiling alone changed little, types changed everything; and yet most of the processor is idle.
#
# Step three: another order, and threads
# --------------------------------------
#
# Memory comes in lines of 64 bytes, 16 floats. In the order i, j, k the innermost loop walks down
# a column of b: each step fetches a line from another row, and uses one float of it. In the order
# i, k, j it walks along a row of b and a row of c. This is *unit stride*, and it has a second
# merit. The next 8 or 16 floats fit into a register, so the compiler does as many rounds of the
# loop with one instruction. (With the old order it must not: it would regroup the terms of a sum,
# and change how it is rounded.)
#
# The other idea takes two words. Python's objects are guarded by the *global interpreter lock*, the
# GIL: only the thread that holds it may touch them. White lines touch none, so they can let go of
# it. ``nogil`` says that, and Cython refuses a line there that would need Python. ``prange`` is a
# range whose rounds are shared out to threads.

ROWS = """
import numpy as np
from cython.parallel cimport prange

def matmul(const float[:, ::1] a, const float[:, ::1] b, int threads=1):
    cdef Py_ssize_t M = a.shape[0], K = a.shape[1], N = b.shape[1]
    cdef Py_ssize_t i, j, k
    out = np.zeros((M, N), np.float32)
    cdef float[:, ::1] c = out
    for i in prange(M, nogil=True, num_threads=threads, schedule="static"):
        for k in range(K):
            for j in range(N):
                c[i, j] += a[i, k] * b[k, j]
    return out
"""

rows, lines = build("rows", UNCHECKED + ROWS)
print(lines)
step(LARGE, 3, typed=typed.matmul, rows=rows.matmul)

# %%
# Still one thread: all of this came from two lines that changed places.
#
# **What must not depend on the number of threads** is the result. Floating-point addition is not
# associative: (x + y) + z and x + (y + z) are rounded differently. Here the threads share the
# *outputs*. Whichever of them has c[i, j] sums it alone, with k in order, so the results are equal
# bit for bit. Had they shared the *sums*, each result would depend on where its sum was cut:

a, b = matrices[LARGE]
one = rows.matmul(a, b, 1)
for threads in (2, 3, 8):
    assert np.array_equal(rows.matmul(a, b, threads), one)
halves = rows.matmul(a[:, :500].copy(), b[:500]) + rows.matmul(a[:, 500:].copy(), b[500:])
print(f"shared outputs: all equal; shared sum: {(halves != one).mean():.0%} of the numbers differ")

# %%
# What the threads bring we see at the end. The race goes on with one.
#
# Step four: blocks
# -----------------
#
# What stops us now? For two flops the innermost line loads four bytes of c and four of b (a[i, k]
# stays in a register). That is 1/4 flop per byte from L1. And for each row of a, the whole of b
# passes by, 4 MB, more than L2 holds: 1/2 flop per byte from L3.
#
# *Near the core* it helps to take four rows of b at a time. A number of c is then loaded for eight
# flops and not for two, which makes 8 flops for 5 numbers, 0.4 flops per byte.
#
# *Far from it* it helps to cut b into *blocks* that fit into L2, and to do all there is to do with
# one before the next comes. With a block of 128×256 floats (128 KiB) a row of a takes 2·128·256
# flops. For that, 128 numbers of a and 256 of c come from beyond L2, at worst: 43 flops per byte.
#
# The pieces of rows in a block are a whole row of b apart. Caches are organised by address, so
# pieces at regular distances compete for the same few places. Hence the block is first copied, one
# piece after the other. That is *packing*: a pass over b, for numbers that are then used M times.

BLOCKS = """
import numpy as np
from cython.parallel cimport prange

cdef enum:
    DEPTH = 128                 # rows of a block of b
    COLUMNS = 256

# A row of c += depth numbers of a, times as many rows of the block.
cdef void add_block(Py_ssize_t depth, Py_ssize_t columns, const float* a, const float* block,
        float* c) noexcept nogil:
    cdef Py_ssize_t j, k
    cdef const float* b
    for k in range(0, depth - 3, 4):
        b = block + k * COLUMNS
        for j in range(columns):
            c[j] += (a[k] * b[j] + a[k + 1] * b[COLUMNS + j]
                     + a[k + 2] * b[2 * COLUMNS + j] + a[k + 3] * b[3 * COLUMNS + j])
    for k in range(depth - depth % 4, depth):
        for j in range(columns):
            c[j] += a[k] * block[k * COLUMNS + j]

def matmul(const float[:, ::1] a, const float[:, ::1] b, int threads=1):
    cdef Py_ssize_t M = a.shape[0], K = a.shape[1], N = b.shape[1]
    cdef Py_ssize_t i, j, k, j0, k0, depth, columns
    out = np.zeros((M, N), np.float32)
    cdef float[:, ::1] c = out
    cdef float[:, ::1] block = np.empty((DEPTH, COLUMNS), np.float32)
    for j0 in range(0, N, COLUMNS):
        columns = min(COLUMNS, N - j0)
        for k0 in range(0, K, DEPTH):
            depth = min(DEPTH, K - k0)
            for k in range(depth):
                for j in range(columns):
                    block[k, j] = b[k0 + k, j0 + j]
            for i in prange(M, nogil=True, num_threads=threads, schedule="static"):
                add_block(depth, columns, &a[i, k0], &block[0, 0], &c[i, j0])
    return out
"""

blocks, lines = build("blocks", UNCHECKED + BLOCKS)
print(lines)
step(LARGE, 5, rows=rows.matmul, blocks=blocks.matmul)

# %%
# Step five: a tile in registers
# ------------------------------
#
# The sums still travel to L1 and back. The last idea is to let them stay where they are computed.
# ROWS rows of a times WIDTH columns of b (two vectors) make a *tile* of c. With AVX-512 it is 14×32
# numbers: 28 registers of the 32, and there is room for two vectors of b. For each k we load 14
# numbers of a and 32 of b for 2·14·32 flops, 4.9 flops per byte.
#
# The rest is to have the right numbers near, as `Goto and van de Geijn
# <https://doi.org/10.1145/1356052.1356053>`_ (2008) describe it. They are packed in the order in
# which the tile reads them: *panels* of ROWS rows of a, column by column, and panels of WIDTH
# columns of b, row by row. One panel of b stays in L1 while a block of panels of a, in L2, passes
# by. Where a matrix ends inside a panel, zeros fill it up. The array for c has whole tiles, too; we
# return the part that was asked for.

TILES = """
import numpy as np
from cython.parallel cimport prange

cdef enum:
    DEPTH = 256                 # of all panels: a panel of b is 32 KiB with AVX-512
    BLOCK = 12                  # panels of a in a block: 168 KiB

# panel[k, i] = x[i * lane + k * step], and 0 from i = count on.
cdef void pack(const float* x, Py_ssize_t lane, Py_ssize_t step, Py_ssize_t count,
        Py_ssize_t width, Py_ssize_t depth, float* panel) noexcept nogil:
    cdef Py_ssize_t i, k
    for k in range(depth):
        for i in range(width):
            panel[k * width + i] = x[i * lane + k * step] if i < count else 0

# A tile of c += a panel of a @ a panel of b.
cdef void tile(Py_ssize_t depth, const float* a, const float* b, float* c,
        Py_ssize_t row) noexcept nogil:
    cdef vec[ROWS] left                     # the compiler makes 2 * ROWS registers of these
    cdef vec[ROWS] right
    cdef vec b0, b1
    cdef Py_ssize_t i, k
    for i in range(ROWS):
        left[i] = load(c + i * row)
        right[i] = load(c + i * row + LANES)
    for k in range(depth):
        b0 = load(b + k * WIDTH)
        b1 = load(b + k * WIDTH + LANES)
        for i in range(ROWS):
            left[i] += a[k * ROWS + i] * b0
            right[i] += a[k * ROWS + i] * b1
    for i in range(ROWS):
        store(c + i * row, left[i])
        store(c + i * row + LANES, right[i])

def matmul(const float[:, ::1] a, const float[:, ::1] b, int threads=1):
    cdef Py_ssize_t M = a.shape[0], K = a.shape[1], N = b.shape[1]
    cdef Py_ssize_t panels_a = (M + ROWS - 1) // ROWS, panels_b = (N + WIDTH - 1) // WIDTH
    cdef Py_ssize_t blocks_a = (panels_a + BLOCK - 1) // BLOCK
    cdef Py_ssize_t k0, depth, p, q, s
    out = np.zeros((panels_a * ROWS, panels_b * WIDTH), np.float32)
    cdef float[:, ::1] c = out
    cdef float[::1] packed_a = np.empty(panels_a * ROWS * DEPTH, np.float32)
    cdef float[::1] packed_b = np.empty(panels_b * WIDTH * DEPTH, np.float32)
    for k0 in range(0, K, DEPTH):
        depth = min(DEPTH, K - k0)
        for p in prange(panels_a, nogil=True, num_threads=threads, schedule="static"):
            pack(&a[p * ROWS, k0], K, 1, min(ROWS, M - p * ROWS), ROWS, depth,
                 &packed_a[p * ROWS * depth])
        for q in prange(panels_b, nogil=True, num_threads=threads, schedule="static"):
            pack(&b[k0, q * WIDTH], 1, N, min(WIDTH, N - q * WIDTH), WIDTH, depth,
                 &packed_b[q * WIDTH * depth])
        for s in prange(blocks_a * panels_b, nogil=True, num_threads=threads, schedule="static"):
            q = s % panels_b                # a panel of b, and all panels p of a block of a
            for p in range(s // panels_b * BLOCK, min((s // panels_b + 1) * BLOCK, panels_a)):
                tile(depth, &packed_a[p * ROWS * depth], &packed_b[q * WIDTH * depth],
                     &c[p * ROWS, q * WIDTH], c.shape[1])
    return out[:M, :N]
"""

tiles, lines = build("tiles", VECTORS + TILES)
print(lines)
step(LARGE, 10, blocks=blocks.matmul, tiles=tiles.matmul)

# %%
# Matrices of one size prove little. :func:`odyssey.testing.check_kernel` takes all kinds of shapes,
# some without a single element, and NaN and infinity. It also compares the bits for one and two
# threads.


def threaded(module):
    return lambda a, b: module.matmul(a, b, od.get_num_threads())


plain = {
    "cases": [case for case in od.testing.cases_of("matmul") if case.args[0].ndim == 2],
    "dtypes": ["float32"],
    "layouts": ["C"],  # rows one after the other in memory
}
for module in (rows, blocks, tiles):
    count = od.testing.check_kernel("matmul", threaded(module), **plain)
    print(f"{module.__name__}: {count} checks passed")

# %%
# Step six: a library
# -------------------
#
# odyssey's own kernel, ``odyssey/_ext/matmul.pyx``, has the plan of step five: packed panels,
# blocks for L1 and L2, a tile in registers. Read it next. The rest of it is what makes a library:
# float64 and float16, any strides, stacks of matrices, smaller tiles where a matrix ends, less
# packing for small products, and a build for each set of instructions, of which import chooses the
# best.

step(LARGE, 10, tiles=tiles.matmul, odyssey=od.core.matmul)

# %%
# Threads, at last: as many as there are cores, for NumPy and the peak as well.

od.set_num_threads(all_threads)
contenders = {module.__name__: threaded(module) for module in (rows, blocks, tiles)}
step(LARGE, 8, **contenders, odyssey=od.core.matmul)

# %%
# All steps under the roof, with one thread. The intensity is what the innermost lines load, by
# their source. (Williams and his co-authors count what comes from memory; a roof for each cache is
# a later idea.) The first two steps had the small matrices.

tile_intensity = 2 * machine.rows * machine.width / (4 * (machine.rows + machine.width))
intensity = {"three_loops": 1 / 6, "untyped": 1 / 6, "typed": 1 / 6, "rows": 1 / 4, "blocks": 0.4}
intensity |= {"tiles": tile_intensity, "odyssey": tile_intensity}

figure, axis = plt.subplots(figsize=(8.5, 5))
x = np.geomspace(0.1, 30, 300)
for place, speed in bandwidth.items():
    roof = np.minimum(speeds["peak", 1], x * speed)
    shade = str(0.2 * list(bandwidth).index(place))
    axis.plot(x, roof, color=shade, linewidth=1.2, label=f"{place}, {speed:.0f}")
roofs = axis.legend(title="loads from, GB/s", loc="lower center", fontsize=8)
axis.add_artist(roofs)
dots = [
    axis.plot(at, speeds[name, 1], "o", markersize=6, label=f"{name}, {speeds[name, 1]:.3g}")[0]
    for name, at in intensity.items()
]
dots[-1].set(markersize=11, fillstyle="none")  # odyssey, around tiles
dots += [axis.axhline(speeds["NumPy", 1], color="C7", linestyle=":", label="NumPy")]
axis.set(xscale="log", yscale="log", xlabel="flops per byte loaded", ylabel="GFLOP/s")
axis.legend(handles=dots, title="GFLOP/s", loc="lower right", fontsize=8)
figure.tight_layout()

# %%
# The first steps lie far below every roof: it is not loading that holds them back, but Python, and
# then sums that wait for one another. ``rows`` and ``blocks`` have come to the slopes, where the
# caches decide. Only the tile is past them, under the ceiling.
#
# **What is left** to the peak? Tiles over the edges compute with zeros; packing, and the way of c
# into the registers and back, are not arithmetic. OpenBLAS writes its tile in assembly for each
# family of processors, and fetches numbers before they are needed. The last percents are expensive.
# Most of the way was types, order, blocks and registers.
#
# Cython's own pages on `memoryviews
# <https://cython.readthedocs.io/en/latest/src/userguide/memoryviews.html>`_ and `parallelism
# <https://cython.readthedocs.io/en/latest/src/userguide/parallelism.html>`_ go further.

# %%
# Exercises
# ---------
#
# **1. Another order.** Write the loops in the order j, k, i. Which of the three arrays is walked
# with unit stride? Say how fast it will be before you measure it.
#
# .. code-block:: python
#
#    mine, lines = build("mine", UNCHECKED + """
#    ...
#    """)
#    od.testing.check_kernel("matmul", mine.matmul, **plain)
#    step(LARGE, 2, mine=mine.matmul, typed=typed.matmul)
#
# **2. Share the sum.** Give each thread a part of k and a c of its own, and add these at the end.
# ``od.testing.check_kernel("matmul", threaded(mine), **plain)`` (:mod:`odyssey.testing`) complains.
# Of what? Then cut k into pieces whose size does not depend on the number of threads, and make it
# content.
#
# **3. Take everything.** Let ``tiles`` take any strides (only ``pack`` has to know), then float64
# (vectors have half as many lanes), float16 (summed in float32), and stacks of matrices. When the
# last line passes, you have a kernel that odyssey could use.
#
# .. code-block:: python
#
#    kernel = threaded(mine)
#    od.testing.check_kernel("matmul", kernel, cases=plain["cases"], dtypes=["float32"])
#    od.testing.check_kernel("matmul", kernel, cases=plain["cases"])
#    od.testing.check_kernel("matmul", kernel)
