"""The models page: what is here, what would fit, and what a swap would mean."""
