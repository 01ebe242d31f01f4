"""Pruning one half of the vocabulary, input or output: another model than before, and labelled so."""
