"""What the history says of the model: quality with and without labels, drift. Runs in its own process."""
