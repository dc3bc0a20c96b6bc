"""What holds for every test."""

from __future__ import annotations

import os

# As the worker does (inference/__main__.py), before numpy is imported: with more threads the fit's small systems take
# hundreds of times as long on a busy machine.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
