"""What happened, in a database: which version answered what, what was really so, which alerts there were."""
