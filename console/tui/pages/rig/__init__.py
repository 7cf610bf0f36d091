"""The rig page: jaw, sound, camera and head by hand, and the preflight."""
