"""Real little processes that stand in for engines."""
