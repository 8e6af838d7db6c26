"""Labelled texts: read from files, checked, and split. Nothing here knows a model or the registry."""
