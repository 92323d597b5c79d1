"""Accounts of other issuers' subjects, which may have neither an address nor a password."""

import sqlalchemy as sa
from alembic import op

from duly.database.migrations.online import (
    is_online,
    outside_transactions,
    run,
    run_locking,
)

revision = "0017"
down_revision = "0016"

_COLUMNS = ("email", "password_hash")
_BATCH = 1_000
# The older schema gets an address that nobody has instead, and the hash of a
# password that nobody knows.
_FILL = b"""
    UPDATE users SET
        email = coalesce(email, id || '@account.invalid'),
        password_hash = coalesce(
            password_hash, '$2b$12$' || substr(md5(random()::text) || md5(random()::text), 1, 53)
        )
    WHERE id IN (
        SELECT id FROM users WHERE email IS NULL OR password_hash IS NULL LIMIT %s FOR UPDATE
    )
"""


def upgrade() -> None:
    op.create_table(
        "user_identities",
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.PrimaryKeyConstraint("issuer", "subject", name="pk_user_identities"),
        if_not_exists=True,
    )
    op.create_index(
        "ix_user_identities_user_id", "user_identities", ["user_id"], if_not_exists=True
    )
    op.create_table(
        "deleted_identities",
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "subject", "deleted_at", name="pk_deleted_identities"),
        if_not_exists=True,
    )
    op.create_index(
        "ix_deleted_identities_expires_at",
        "deleted_identities",
        ["expires_at"],
        if_not_exists=True,
    )
    changes = ", ".join(f"ALTER COLUMN {column} DROP NOT NULL" for column in _COLUMNS)
    run_locking(f"ALTER TABLE users {changes}")


def downgrade() -> None:
    # A check that holds for all rows spares SET NOT NULL from reading them under its lock.
    checks = {column: f"ck_users_{column}_present" for column in _COLUMNS}
    for column, name in checks.items():
        run_locking(
            f"ALTER TABLE users DROP CONSTRAINT IF EXISTS {name}, "
            f"ADD CONSTRAINT {name} CHECK ({column} IS NOT NULL) NOT VALID"
        )
    _fill()
    for name in checks.values():
        run(f"ALTER TABLE users VALIDATE CONSTRAINT {name}")
    changes = ", ".join(f"ALTER COLUMN {column} SET NOT NULL" for column in _COLUMNS)
    run_locking(f"ALTER TABLE users {changes}")
    run_locking(
        "ALTER TABLE users " + ", ".join(f"DROP CONSTRAINT {name}" for name in checks.values())
    )
    run("DROP TABLE IF EXISTS deleted_identities")
    run("DROP TABLE IF EXISTS user_identities")


def _fill() -> None:
    """Give each account an address and a hash, in batches; nobody can sign in with them."""
    if not is_online():
        return
    with outside_transactions() as driver:
        while driver.execute(_FILL, [_BATCH]).rowcount:
            pass
