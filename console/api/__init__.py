"""The operator API: commands, events, the state folded from them, and both ends of its socket."""
