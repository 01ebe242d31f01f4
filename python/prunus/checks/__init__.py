"""The checks that `verify` runs, one module each; each compares files with files, not with what `prune` remembers."""
