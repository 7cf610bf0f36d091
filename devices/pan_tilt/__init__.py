"""Heads that pan and tilt, one file each, found by the name that the rig gives. Only `devices/limits.py` calls them."""
