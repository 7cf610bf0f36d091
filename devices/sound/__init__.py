"""Sound as samples: files, levels, noise, channels and speech detection."""
