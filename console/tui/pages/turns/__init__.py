"""The turns page: the last turns, and where their time went."""
