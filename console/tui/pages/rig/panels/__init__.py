"""The panels of the rig page; each turns the view model into lines."""
