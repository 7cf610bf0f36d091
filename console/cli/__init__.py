"""The command line: one module per group of verbs, and the small parent of the screen."""
