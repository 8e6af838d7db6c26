"""Several models on the same rows, everything measured, in one page and with one recommendation."""
