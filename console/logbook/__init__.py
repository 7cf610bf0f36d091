"""Logs as they lie on the disk, for the screen and for the command line; knows neither."""
