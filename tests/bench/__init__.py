"""Measurements: ratios against a reference in the same run, because these machines are shared."""
