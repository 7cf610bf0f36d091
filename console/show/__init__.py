"""The running show: the composition root, its command router, and what samples and records it."""
