"""Forecasts, swaps, meters and memory pressure."""
