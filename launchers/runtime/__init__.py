"""What an engine runs in: its environment, its binary and its libraries."""
