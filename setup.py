"""Build odyssey: one Cython source per kernel family, compiled once per instruction-set level.

Every ``odyssey/_ext/NAME.pyx`` becomes ``odyssey._ext.baseline.NAME``, and on x86-64 also
``odyssey._ext.v3.NAME`` and ``odyssey._ext.v4.NAME``; sources whose name starts with an underscore
are compiled once, as ``odyssey._ext._NAME``. So is every ``odyssey/NAME.py``,
``odyssey/core/NAME.py`` and ``odyssey/utils/NAME.py`` that has its types in a ``NAME.pxd`` beside
it: a plain Python module, which Python imports in its compiled form, if any.
Flags, OpenMP and levels are tried on a tiny file first, and what the compiler refuses is left out.
What was built is written to ``odyssey/_ext/_build_info.py``, which ``odyssey.fast`` reads.

Environment variables:

- ``ODYSSEY_NO_EXT=1``: no compiled kernels, a package that runs on the reference kernels only.
- ``ODYSSEY_BOUNDSCHECK=1``: compile the kernels with Cython's bounds checks on.
"""

import multiprocessing
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py
from setuptools.errors import BaseError, CCompilerError, CompileError

ROOT = Path(__file__).resolve().parent
PACKAGE = Path("odyssey")
SOURCES = PACKAGE / "_ext"

# The flags that make a level; a level whose first flag the compiler refuses is not built.
LEVELS = {
    "baseline": [],
    "v3": ["-march=x86-64-v3"],
    "v4": ["-march=x86-64-v4", "-mprefer-vector-width=512"],
}
# No -ffast-math: it breaks NaN and infinity. Contraction makes fused multiply-adds of `a * b + c`;
# peeling lets GCC unroll the register tiles completely, without which they live in memory. Warnings
# about C that Cython wrote (-w: none) help nobody, and finding them takes time.
FLAGS = [
    "-O3",
    "-g0",
    "-ffp-contract=fast",
    "-fno-math-errno",
    "-w",
    "--param=max-completely-peeled-insns=2000",
]
# Passes of -O3 that carry what is known about a jump or a number, or the number itself, to another
# place of the function. In register tiles, long blocks of vector arithmetic, they find nothing, but
# take up to half of the time. Each module goes without those that were seen to gain it nothing.
JUMPS = ["-fno-thread-jumps", "-fno-tree-vrp"]
DOMINATORS = ["-fno-tree-dominator-opts"]
REUSE = ["-fno-code-hoisting", "-fno-gcse", "-fno-tree-pre"]
WITHOUT = {
    "attention_backward": JUMPS + DOMINATORS,
    "batch_normalization": JUMPS + DOMINATORS,
    "conv": JUMPS + REUSE,
    "elementwise": JUMPS + DOMINATORS,
    "toom": JUMPS + DOMINATORS + REUSE,
    "winograd": JUMPS + DOMINATORS + REUSE,
}
# A kernel has checked its arguments at the door. A Python module must mean what it means to Python.
KERNEL_DIRECTIVES = {
    "annotation_typing": False,
    "language_level": 3,
    "binding": True,
    "boundscheck": False,
    "cdivision": True,
    "emit_code_comments": False,
    "embedsignature": False,
    "initializedcheck": False,
    "wraparound": False,
}
PYTHON_DIRECTIVES = {
    "annotation_typing": False,
    "autotestdict": False,
    "binding": True,
    "emit_code_comments": False,
    "language_level": 3,
}
# What a kernel computes in: its stored numbers (half is widened), sums and registers agree in this.
PRECISIONS = {"half": 32, "float": 32, "vf32": 32, "double": 64, "vf64": 64}

TINY = """
typedef float lanes __attribute__((vector_size(16)));
int tiny(lanes *x) { return (*x)[0] > 0; }
"""
TINY_PYTHON = "#include <Python.h>\nint tiny(void) { return PY_MAJOR_VERSION; }\n"
TINY_OPENMP = "#include <omp.h>\nint tiny(void) { return omp_get_max_threads(); }\n"

BUILD_INFO = '''"""What the build compiled. Written by setup.py; its absence: never built."""

LEVELS: tuple[str, ...] = {levels!r}
OPENMP: bool = {openmp!r}
COMPILER: str = {compiler!r}
MODULES: dict[str, int] = {modules!r}
'''


def switched_on(name):
    """Return whether the environment variable `name` is set, and not to 0."""
    return os.environ.get(name, "") not in ("", "0")


def kernel_sources(folder=ROOT / SOURCES):
    """Return the names of the kernel families and of the modules that are compiled only once."""
    names = sorted(path.stem for path in Path(folder).glob("*.pyx"))
    return [name for name in names if name[0] != "_"], [name for name in names if name[0] == "_"]


def python_sources(folder=ROOT / PACKAGE):
    """Return the Python modules that are compiled, once: those with a .pxd, such as core/shape."""
    patterns = ("*.pxd", "core/*.pxd", "utils/*.pxd")
    paths = [path for pattern in patterns for path in Path(folder).glob(pattern)]
    return sorted(path.relative_to(folder).with_suffix("").as_posix() for path in paths)


def extensions():
    """Return one Extension per module and level, flags not yet filled in."""
    kernels, once = kernel_sources()
    modules = [(f"odyssey._ext.{name}", name) for name in once]
    modules += [(f"odyssey._ext.{level}.{name}", name) for level in LEVELS for name in kernels]
    return [
        *(Extension(module, [str(SOURCES / f"{name}.pyx")]) for module, name in modules),
        *(
            Extension(f"odyssey.{name.replace('/', '.')}", [str(PACKAGE / f"{name}.py")])
            for name in python_sources()
        ),
    ]


def group_of(extension):
    """Return what an extension is compiled with: a level, "once" (kernels), "python" (modules)."""
    parts = extension.name.split(".")
    if "_ext" not in parts:
        return "python"
    return parts[2] if len(parts) == 4 else "once"


def of_one_precision(every):
    """Return `every`, Cython's function that combines fused types, without the mixed precisions.

    A function over stored numbers, sums and registers is called with 3 of the 12 combinations, but
    Cython writes all of them: three quarters of a large kernel's C, and of the time to write it.
    """

    def combinations(fused_types):
        return [
            (suffix, types)
            for suffix, types in every(fused_types)
            if len({PRECISIONS.get(str(each)) for each in types.values()} - {None}) <= 1
        ]

    return combinations


def module_of(source):
    """Return the module that a source is translated as: the levels share one, and so its name."""
    return ".".join(Path(source).with_suffix("").parts)


def c_file(extension):
    """Return the C file that Cython makes of an extension's source, below its own folder."""
    return Path(extension.sources[0]).with_suffix(".c")


def including(text, folder):
    """Return a C file in `folder` that includes `text`: each level gets object files of its own."""
    path = folder / text.name
    line = f'#include "{Path(os.path.relpath(text, folder)).as_posix()}"\n'
    if not path.exists() or path.read_text() != line:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(line)
    return path


def remove_compiled_modules(package_root):
    """Delete compiled Python modules below `package_root`: they would hide their sources."""
    for name in python_sources():
        for path in Path(package_root, PACKAGE).glob(f"{name}.*.so"):
            path.unlink()


def failure_message(missing):
    """Return what to tell a user whose build cannot go on."""
    return (
        f"odyssey: {missing}.\n\n"
        "The fast kernels are compiled when odyssey is installed. That needs a C compiler, gcc or\n"
        "clang (on Debian and Ubuntu: apt install build-essential), and Python's C headers\n"
        "(apt install python3-dev).\n"
        "Without them odyssey can still be installed, on the slower reference kernels alone:\n\n"
        "    ODYSSEY_NO_EXT=1 pip install .\n"
    )


def checksum(name, folder=ROOT / PACKAGE):
    """Return what `odyssey.utils.stale` compares to see whether a Python module was edited."""
    return zlib.crc32(b"".join(Path(folder, name + end).read_bytes() for end in (".py", ".pxd")))


def write_build_info(package_root, levels=(), openmp=False, compiler="", modules=()):
    """Write ``_build_info.py`` below `package_root`, which holds the package ``odyssey``."""
    path = Path(package_root) / SOURCES / "_build_info.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        BUILD_INFO.format(
            levels=tuple(levels),
            openmp=openmp,
            compiler=compiler,
            modules={name: checksum(name) for name in modules},
        )
    )


class Probe:
    """Try a compiler on tiny files."""

    def __init__(self, compile_command, link_command, include_dirs):
        self.compile_command = compile_command
        self.link_command = link_command
        self.include_dirs = [f"-I{folder}" for folder in include_dirs]

    def accepts(self, flags, text=TINY, link=False):
        """Return whether `text` compiles (and links) with `flags` and without a warning."""
        with tempfile.TemporaryDirectory() as folder:
            source, object_file = Path(folder, "tiny.c"), Path(folder, "tiny.o")
            source.write_text(text)
            steps = [
                [
                    *self.compile_command,
                    *self.include_dirs,
                    "-Werror",
                    *flags,
                    "-c",
                    str(source),
                    "-o",
                    str(object_file),
                ]
            ]
            if link:
                steps.append(
                    [
                        *self.link_command,
                        str(object_file),
                        *flags,
                        "-o",
                        str(Path(folder, "tiny.so")),
                    ]
                )
            try:
                return all(
                    subprocess.run(step, capture_output=True, check=False).returncode == 0
                    for step in steps
                )
            except OSError:
                return False

    def accepted(self, flags):
        """Return those of `flags` that the compiler takes."""
        return [flag for flag in flags if self.accepts([flag])]

    def name(self):
        """Return the compiler's name and version, such as ``gcc 12.2.0``."""
        # The program is the last word before the options: "ccache gcc -O2" is gcc.
        words = [word for word in self.compile_command if not word.startswith("-")]
        program = next((Path(word).name for word in words if "cache" not in Path(word).name), "cc")
        try:
            output = subprocess.run(
                [*self.compile_command, "-dumpfullversion", "-dumpversion"],
                capture_output=True,
                text=True,
                check=False,
            ).stdout
            banner = subprocess.run(
                [*self.compile_command, "--version"], capture_output=True, text=True, check=False
            ).stdout
        except OSError:
            return program
        family = (
            "clang"
            if "clang" in banner
            else "gcc"
            if "Free Software Foundation" in banner
            else program
        )
        return f"{family} {output.split()[0]}" if output.split() else family


class BuildExtensions(build_ext):
    """Probe the compiler, cythonize every level, compile in parallel, write down what was built."""

    def finalize_options(self):
        """Compile with all processors unless told otherwise."""
        super().finalize_options()
        if self.parallel is None:
            self.parallel = (
                len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
            )

    def run(self):
        """Build, say how to go on without a compiler if it fails, and write down what was built."""
        try:
            super().run()
        except (BaseError, CCompilerError) as error:
            if "ODYSSEY_NO_EXT" in str(error):
                raise
            message = "compiling the kernels failed (the compiler's own words stand above)"
            raise CompileError(failure_message(message)) from error
        folder = ROOT if self.inplace else self.build_lib
        groups = {group_of(ext) for ext in self.extensions}
        levels = [level for level in LEVELS if level in groups]
        write_build_info(folder, levels, self.openmp, self.compiler_name, python_sources())

    def build_extensions(self):
        """Probe, translate, compile."""
        self.probe_compiler()
        self.extensions = [ext for ext in self.extensions if group_of(ext) in self.flags]
        self.cythonize()
        super().build_extensions()

    def probe_compiler(self):
        """Find out which flags and levels this compiler takes, and whether it has OpenMP."""
        if not hasattr(self.compiler, "compiler_so"):
            raise CompileError(
                failure_message("this C compiler has no vector types; gcc or clang is needed")
            )
        probe = Probe(
            self.compiler.compiler_so, self.compiler.linker_so, self.compiler.include_dirs
        )
        if not probe.accepts([]):
            program = shlex.join(self.compiler.compiler_so[:1])
            raise CompileError(
                failure_message(f"no working C compiler was found (tried {program})")
            )
        if not probe.accepts([], TINY_PYTHON):
            raise CompileError(
                failure_message(
                    f"the C headers of Python {sys.version.split()[0]} (Python.h) were not found"
                )
            )
        common = probe.accepted(FLAGS)
        self.flags = {
            level: common + probe.accepted(flags)
            for level, flags in LEVELS.items()
            if not flags or probe.accepts(flags[:1])
        }
        # Calls into Python gain nothing from a third level, and take longer to compile.
        modest = ["-O2" if flag == "-O3" else flag for flag in common]
        self.flags |= {"once": common, "python": modest}
        self.dispensable = probe.accepted(JUMPS + DOMINATORS + REUSE)
        self.openmp = probe.accepts(["-fopenmp"], TINY_OPENMP, link=True)
        self.openmp_flags = ["-fopenmp"] if self.openmp else []
        self.link_flags = ["-Wl,-s"] if probe.accepts(["-Wl,-s"], link=True) else []
        self.compiler_name = probe.name()

    def without(self, extension):
        """Return the flags of the passes that an extension is compiled without."""
        group, name = group_of(extension), extension.name.rpartition(".")[2]
        unwanted = set(WITHOUT.get(name, []) if group in LEVELS else [])
        if group == "baseline":  # few processors still run it: speed may cost less here
            unwanted |= {*JUMPS, *REUSE}
        return [flag for flag in self.dispensable if flag in unwanted]

    def cythonize(self):
        """Translate each source once, below ``build/cython``; each level compiles the same C."""
        import numpy as np
        from Cython.Build import cythonize
        from Cython.Compiler import PyrexTypes

        if hasattr(PyrexTypes, "get_all_specialized_permutations"):
            PyrexTypes.get_all_specialized_permutations = of_one_precision(
                PyrexTypes.get_all_specialized_permutations
            )
        if sys.platform == "linux":  # the processes that translate must be copies of this one
            multiprocessing.set_start_method("fork", force=True)
        texts = Path("build", "cython")
        tasks = [(".pyx", KERNEL_DIRECTIVES), (".py", PYTHON_DIRECTIVES)]
        if switched_on("ODYSSEY_BOUNDSCHECK"):
            tasks = [(end, {**directives, "boundscheck": True}) for end, directives in tasks]
        # Everything besides the sources that decides what comes out; when it changes, all is
        # built anew. Written last: a translation that fails must not pass for a finished one.
        settings = f"{self.compiler_name} {self.flags} {WITHOUT} {self.link_flags} {tasks}"
        settings += f" {np.__version__}"
        stamp = texts / "settings.txt"
        changed = not stamp.exists() or stamp.read_text() != settings
        sources = sorted({ext.sources[0] for ext in self.extensions})
        for end, directives in tasks:
            cythonize(
                [Extension(module_of(path), [path]) for path in sources if path.endswith(end)],
                build_dir=str(texts),
                compiler_directives=directives,
                force=changed,
                nthreads=self.parallel,
                quiet=True,
            )
        if changed:
            stamp.write_text(settings)
        headers = sorted(str(path) for path in SOURCES.glob("*.h"))
        # The largest first: at the end no processor waits for a long one.
        self.extensions.sort(key=lambda ext: (texts / c_file(ext)).stat().st_size, reverse=True)
        for ext in self.extensions:
            group, text = group_of(ext), texts / c_file(ext)
            ext.depends = [str(stamp), str(text), *headers]
            ext.sources = [str(including(text, texts / group) if group in LEVELS else text)]
            ext.include_dirs = [np.get_include(), str(SOURCES)]
            ext.define_macros = [("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION")]
            ext.extra_compile_args = self.flags[group] + self.without(ext) + self.openmp_flags
            ext.extra_link_args = self.openmp_flags + self.link_flags


class BuildPython(build_py):
    """Copy the Python files to an empty folder: nothing of an earlier build gets into a wheel."""

    def run(self):
        """Copy, and in a build without extensions write that down."""
        if not self.editable_mode:
            shutil.rmtree(Path(self.build_lib, "odyssey"), ignore_errors=True)
        super().run()
        if switched_on("ODYSSEY_NO_EXT"):
            folder = ROOT if self.editable_mode else self.build_lib
            write_build_info(folder)
            remove_compiled_modules(folder)


if __name__ == "__main__":
    os.chdir(ROOT)
    if switched_on("ODYSSEY_NO_EXT"):
        setup(cmdclass={"build_py": BuildPython})
    else:
        setup(
            ext_modules=extensions(),
            cmdclass={"build_ext": BuildExtensions, "build_py": BuildPython},
        )
