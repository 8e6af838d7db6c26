"""Turns labelled texts into registered models, and decides which of them may serve."""
