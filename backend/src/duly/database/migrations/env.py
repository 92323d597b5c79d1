"""Alembic's side of a migration: one transaction for all steps, one instance at a time."""

from alembic import context
from sqlalchemy import text

from duly.models import metadata

# Any number, as long as nothing else takes the same advisory lock.
_LOCK = 4_420_771_863

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    compare_type=True,
    compare_server_default=True,
    transaction_per_migration=False,
    # Noted under the lock: what another instance has applied meanwhile is not ours.
    on_version_apply=lambda step, **_: context.config.attributes["applied"].append(step),
)
with context.begin_transaction():
    # Held to the end of the transaction, so it works behind a transaction pooler, too.
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    context.run_migrations()
