"""The show from outside: through its command line and its operator API."""
