"""The body by hand."""
