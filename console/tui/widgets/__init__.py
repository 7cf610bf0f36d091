"""One widget a file; each turns a picture into lines."""
