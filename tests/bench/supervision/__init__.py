"""`make bench-supervision`: our supervisor beside two well-known ones, and a thousand random kills of ours."""
