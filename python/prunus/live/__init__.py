"""Pruning a model that is in memory; like `training`, imports torch at the top of its modules."""
