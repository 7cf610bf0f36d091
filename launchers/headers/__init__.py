"""Headers of weight files (GGUF and GGML), read with bounds."""
