"""Runs the migrations on the connection and in the transaction that the caller holds (axis.store.migrate)."""

from alembic import context

from axis.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transaction_per_migration=False,
)
context.run_migrations()
