"""The language of a user, and the day on which a user's week begins."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_CHECKS = {
    "week_start_range": "week_start BETWEEN 1 AND 7",
    "language_known": "language IN ('en', 'de')",
}


def upgrade() -> None:
    op.add_column(
        "users", sa.Column("week_start", sa.SmallInteger(), server_default="1", nullable=False)
    )
    op.add_column("users", sa.Column("language", sa.Text(), server_default="en", nullable=False))
    for name, condition in _CHECKS.items():
        op.create_check_constraint(op.f(f"ck_users_{name}"), "users", condition)


def downgrade() -> None:
    for name in _CHECKS:
        op.drop_constraint(op.f(f"ck_users_{name}"), "users")
    for name in ("language", "week_start"):
        op.drop_column("users", name)
