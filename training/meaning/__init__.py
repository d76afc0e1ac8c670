"""The prompts that the heads for meaning learn from, and how they learn."""
