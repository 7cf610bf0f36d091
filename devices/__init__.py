"""Things with wires, one file per board or driver; the only room with threads."""
