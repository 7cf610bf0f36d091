"""The operator API: its bus, its state, and clients that misbehave."""
