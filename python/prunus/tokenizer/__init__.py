"""Tokenizers: what stays, what that needs, and every file of the tokenizer rewritten to it."""
