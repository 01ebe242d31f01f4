"""Checkpoints on disk: safetensors headers, rows gathered, files written, configs, and the other files around."""
