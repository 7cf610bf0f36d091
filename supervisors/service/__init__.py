"""A service: started, supervised, adopted, swapped and stopped."""
