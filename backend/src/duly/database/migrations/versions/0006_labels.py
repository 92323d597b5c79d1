"""Labels."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "labels",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("color", sa.Text(), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("creation_hash", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("char_length(name) BETWEEN 1 AND 120", name="name_length"),
        sa.CheckConstraint("color ~ '^#[0-9a-f]{6}$'", name="color_format"),
        sa.CheckConstraint("revision > 0", name="revision_positive"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_labels_user_id_users", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "id", name="pk_labels"),
    )
    op.create_index("ix_labels_user_id_name_id", "labels", ["user_id", "name", "id"])
    op.create_index("ix_labels_user_id_revision", "labels", ["user_id", "revision"])
    op.add_column(
        "users", sa.Column("label_count", sa.Integer(), server_default="0", nullable=False)
    )


def downgrade() -> None:
    op.drop_column("users", "label_count")
    op.drop_table("labels")
