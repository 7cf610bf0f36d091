"""The log page: the logs of a run, and why an engine crashed."""
