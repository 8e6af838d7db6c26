"""What the figures in the documentation come from, for anyone to run again."""
