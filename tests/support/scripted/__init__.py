"""Fake engines of a whole show: READY in a second, and supervised like the real ones."""
