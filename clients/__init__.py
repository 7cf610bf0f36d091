"""Wire protocols: how to talk to an engine, whoever started it."""
