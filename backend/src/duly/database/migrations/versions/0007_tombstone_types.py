"""The column of tombstones with the type of the deleted resource is called so."""

from alembic import op

revision = "0007"
down_revision = "0006"


def _rename(old: str, new: str) -> None:
    op.alter_column("tombstones", old, new_column_name=new)
    # From version 18 on, PostgreSQL names NOT NULL constraints after their columns.
    op.execute(
        f"""
        DO $$ BEGIN
            ALTER TABLE tombstones
                RENAME CONSTRAINT tombstones_{old}_not_null TO tombstones_{new}_not_null;
        EXCEPTION WHEN undefined_object THEN NULL;
        END $$
        """
    )


def upgrade() -> None:
    _rename("noun", "type")


def downgrade() -> None:
    _rename("type", "noun")
