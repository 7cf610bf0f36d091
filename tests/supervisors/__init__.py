"""Services that die, hang and lie, and what is left of them."""
