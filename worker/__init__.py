"""Claims predictions in batches, holds the model, commits the answers."""
