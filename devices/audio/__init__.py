"""Microphones and speakers of this machine."""
