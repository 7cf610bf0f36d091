"""Wire protocols: how to talk to an engine, however it was started."""
