"""Keys: how they arrive from the terminal, and what each one means."""
