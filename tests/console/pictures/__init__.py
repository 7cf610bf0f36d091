"""Scenes of the screen, drawn and compared."""
