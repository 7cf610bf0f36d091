"""The body by hand: jaw, sound, camera and head, and the checks of all of them."""
