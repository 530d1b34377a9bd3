"""The measuring bench: odyssey against PyTorch, side by side in one process.

``python -m benchmarks kernels|ops|models|memory`` from the checkout; it is not
installed with the package. How it measures, and how to read what it prints,
stands in ``docs/guide/speed.rst``. From the bottom up:

- ``timing``: repetitions of several contestants, interleaved, and a clock
- ``case``: one thing to measure, and what cases are made from
- ``machine``: what it ran on, and the peak of that
- ``measure``: a case timed and held against truth and peak; ``means`` over them
- ``report`` and ``roofline``: tables, JSON, a plot
- ``kernels/``, ``ops``, ``models``, ``memory``: what is measured; a family is a
  module with a generator ``cases``
"""
