"""The model store: downloads that are resumed and verified, and the folders they end in."""
