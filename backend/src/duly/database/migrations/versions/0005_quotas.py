"""Counters for quotas and stored responses, and leases of running exports."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column(
        "users", sa.Column("task_count", sa.Integer(), server_default="0", nullable=False)
    )
    op.add_column(
        "users",
        sa.Column("stored_response_bytes", sa.BigInteger(), server_default="0", nullable=False),
    )
    op.add_column(
        "idempotency_keys",
        sa.Column("stored_bytes", sa.Integer(), server_default="0", nullable=False),
    )
    op.create_table(
        "export_leases",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_export_leases"),
    )
    op.create_index("ix_export_leases_expires_at", "export_leases", ["expires_at"])
    # `users` is locked already, and every write to these tables must lock its user's row.
    op.execute(
        "UPDATE users SET task_count = counted.total FROM "
        "(SELECT user_id, count(*) AS total FROM tasks GROUP BY user_id) counted "
        "WHERE users.id = counted.user_id"
    )
    # A key counts 256 bytes besides its response, as in `services.idempotency`.
    op.execute(
        "UPDATE idempotency_keys SET stored_bytes = 256 + coalesce(octet_length(body), 0) "
        "+ coalesce(octet_length(headers::text), 0)"
    )
    op.execute(
        "UPDATE users SET stored_response_bytes = counted.total FROM "
        "(SELECT user_id, sum(stored_bytes) AS total FROM idempotency_keys GROUP BY user_id) "
        "counted WHERE users.id = counted.user_id"
    )


def downgrade() -> None:
    op.drop_table("export_leases")
    op.drop_column("idempotency_keys", "stored_bytes")
    for column in ("stored_response_bytes", "task_count"):
        op.drop_column("users", column)
