"""What an engine will take of RAM and VRAM, told before it is started: learned, its own word, or by formula."""
