"""The Textual app: composition, actions, pages and the talk button."""
