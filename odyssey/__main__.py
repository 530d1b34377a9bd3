"""``python -m odyssey`` is the ``odyssey`` command."""

from __future__ import annotations

import sys

from odyssey.cli import main

if __name__ == "__main__":
    sys.exit(main())
