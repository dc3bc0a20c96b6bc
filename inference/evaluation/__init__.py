"""Measuring hands against ground truth, by named protocols."""
