"""What `tools/measure_fit.py` measures: the numbers and curves of ``docs/fit.md``, a part a module."""
