"""What the files say: rigs, characters and the catalogue of models."""
