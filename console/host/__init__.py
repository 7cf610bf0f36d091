"""What a show needs of the machine it runs on: its lock, its folders, disk, memory and signals."""
