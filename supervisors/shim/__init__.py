"""The shim: a small parent that keeps one engine while the show may come and go."""
