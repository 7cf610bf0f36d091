"""How much memory, load and heat there is, and whose it is."""
