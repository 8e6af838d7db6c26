"""Alembic's entry: it is run with a connection of ours, inside a transaction that the caller began."""

from alembic import context

from monitoring.history.tables import metadata

# Batches: SQLite alters a table by copying it.
context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True
)
context.run_migrations()
