"""Many texts in one request."""
