"""The commands of ``python -m trainer``, a file a group. Each imports what is heavy when it is called."""
