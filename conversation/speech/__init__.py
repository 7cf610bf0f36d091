"""Clauses to sound: the voice, its loudness and the jaw's track."""
