"""The camera: captured in a child, whatever becomes of it."""
