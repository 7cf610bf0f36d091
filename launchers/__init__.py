"""One file per engine: how to start it, when it is ready, how to reach it, what it needs."""
