"""The screen's side of the show: the connection, the commands it sends, and the state it draws."""
