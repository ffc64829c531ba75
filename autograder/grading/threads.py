"""One thread for numerical libraries: a class runs one process a core, and sums keep one order."""

from __future__ import annotations

import os

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def single_threaded() -> None:
    """Have numerical libraries use one thread. Call it before numpy is imported."""
    os.environ.update(dict.fromkeys(THREADS, "1"))
