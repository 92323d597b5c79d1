"""Labels, and which tasks have them."""

from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from duly.models.base import OWNER, Ordered, text_field


class Label(Ordered, table=True):
    """A label: a name, unique for its user (case-insensitive), and an optional color.

    `name_key` is null in labels that an instance of the release before 0011 has created; `duly
    migrate` completes them.
    """

    __tablename__ = "labels"
    __table_args__ = (
        CheckConstraint("char_length(name) BETWEEN 1 AND 120", name="name_length"),
        CheckConstraint("color ~ '^#[0-9a-f]{6}$'", name="color_format"),
        CheckConstraint("revision > 0", name="revision_positive"),
        UniqueConstraint("user_id", "name_key"),
        Index("ix_labels_user_id_position_id", "user_id", "position", "id"),
        Index("ix_labels_user_id_name_id", "user_id", "name", "id"),
        Index("ix_labels_user_id_revision", "user_id", "revision"),
    )

    name: str = text_field()
    name_key: str | None = Field(default=None, sa_type=Text)
    color: str | None = Field(default=None, sa_type=Text)


class TaskLabel(SQLModel, table=True):
    """A label of a task. `tasks.label_ids` has the same, in the order of the client."""

    __tablename__ = "task_labels"
    __table_args__ = (
        ForeignKeyConstraint(
            ["user_id", "task_id"],
            ["tasks.user_id", "tasks.id"],
            name="fk_task_labels_task_id_tasks",
            ondelete="CASCADE",
        ),
        ForeignKeyConstraint(
            ["user_id", "label_id"],
            ["labels.user_id", "labels.id"],
            name="fk_task_labels_label_id_labels",
            ondelete="CASCADE",
        ),
        Index("ix_task_labels_user_id_label_id_task_id", "user_id", "label_id", "task_id"),
    )

    user_id: UUID = Field(primary_key=True, sa_column_kwargs={"info": OWNER})
    task_id: UUID = Field(primary_key=True)
    label_id: UUID = Field(primary_key=True)
