"""The page at ``/``: static files, and nothing of their content in Python."""
