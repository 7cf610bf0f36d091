"""The camera: captured in a child that can be killed, so that a driver that hangs costs a frame, never a turn."""
