"""Fine-tuning and inference on the rows that a task needs; the full model comes back afterwards.

Torch is imported here and nowhere above: `import prunus` stays light.
"""
