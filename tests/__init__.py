"""Tests mirror the tree; the fakes are real little processes."""
