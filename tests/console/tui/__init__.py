"""The screen: keys, terminals, the connection to its show."""
