"""What fills the terminal: the show, its logs, its turns, and small questions in front of them."""
