"""The page at ``/``: static files, which ask the API as any client does."""
