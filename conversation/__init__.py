"""One spoken exchange, from the button to silence. Knows ports, never devices, processes or screens."""
