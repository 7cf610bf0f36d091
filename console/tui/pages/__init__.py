"""One folder per page of the screen: its page, its controller and its panels."""
