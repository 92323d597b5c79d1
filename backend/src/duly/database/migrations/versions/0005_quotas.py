"""Counters for quotas and stored responses, and the lease of a running export."""

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
    op.add_column("users", sa.Column("export_until", sa.DateTime(timezone=True)))
    op.add_column(
        "idempotency_keys",
        sa.Column("stored_bytes", sa.Integer(), server_default="0", nullable=False),
    )
    # `users` is locked by now, and every write to these tables must lock its user's row.
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
    op.drop_column("idempotency_keys", "stored_bytes")
    for column in ("export_until", "stored_response_bytes", "task_count"):
        op.drop_column("users", column)
