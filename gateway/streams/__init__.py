"""A prediction followed as server-sent events."""
