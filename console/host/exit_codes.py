"""The exit codes of the program, the same for every command."""

DONE, USAGE, NO_ENGINE, TURN_FAILED, NO_SHOW = 0, 2, 3, 4, 5
SCREEN_FAILED = 70
"""A screen broke; its parent says so, and puts the terminal right."""
INTERRUPTED = 130
