"""The show page: stages, talk, engines, memory, body and alerts."""
