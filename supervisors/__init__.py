"""Keep processes alive. Nothing here knows of voices, models or screens."""
