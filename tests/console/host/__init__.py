"""What a show needs of its machine: lock, disk, memory, surroundings."""
