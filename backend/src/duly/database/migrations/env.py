"""Alembic's side of a migration; see `online` for its transactions."""

from alembic import context

from duly.models import metadata

attributes = context.config.attributes
context.configure(
    connection=attributes["connection"],
    target_metadata=metadata,
    compare_type=True,
    compare_server_default=True,
    # An empty database gets everything in one transaction, any other a revision at a time.
    transaction_per_migration=attributes["is_online"],
    is_online=attributes["is_online"],
    on_version_apply=lambda step, **_: attributes["applied"].append(step),
)
with context.begin_transaction():
    context.run_migrations()
