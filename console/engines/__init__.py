"""The engines of a show: services, memory forecasts, swaps, and freeing memory when it runs low."""
