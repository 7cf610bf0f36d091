"""Whole shows: turns, ends, engines that die, rigs of every kind."""
