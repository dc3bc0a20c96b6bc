"""Speed and memory of the worker, measured."""
