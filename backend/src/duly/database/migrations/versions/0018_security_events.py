"""What happened to accounts."""

import sqlalchemy as sa
from alembic import op

from duly.database.migrations.online import run_locking

revision = "0018"
down_revision = "0017"

_KEY = "fk_security_events_user_id_users"


def upgrade() -> None:
    op.create_table(
        "security_events",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("address", sa.Text()),
        sa.Column("user_agent", sa.Text()),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.CheckConstraint("char_length(event) BETWEEN 1 AND 64", name="event_length"),
        sa.CheckConstraint("char_length(address) <= 45", name="address_length"),
        sa.CheckConstraint("char_length(user_agent) <= 255", name="user_agent_length"),
        sa.PrimaryKeyConstraint("user_id", "id", name="pk_security_events"),
        if_not_exists=True,
    )
    for name, columns in {
        "user_id_created_at_id": ["user_id", "created_at", "id"],
        "created_at": ["created_at"],
    }.items():
        op.create_index(
            f"ix_security_events_{name}", "security_events", columns, if_not_exists=True
        )
    run_locking(
        f"ALTER TABLE security_events DROP CONSTRAINT IF EXISTS {_KEY}, ADD CONSTRAINT {_KEY} "
        "FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE"
    )


def downgrade() -> None:
    run_locking("DROP TABLE IF EXISTS security_events")
