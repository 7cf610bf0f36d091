"""The operator's side: put a show together, ask it things, watch it."""
