"""Scans by the workers of Ray and Spark: they count, this process plans and adds, and text never travels back."""
