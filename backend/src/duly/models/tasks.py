"""Tasks."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    SmallInteger,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlmodel import Field

from duly.models.base import (
    IN_TRASH,
    Ordered,
    cascade_field,
    optional_text_field,
    optional_timestamp_field,
    text_field,
)

# In the form in which lists ask for it; see `records.types.listed`.
_LIVE = text("coalesce(trashed_at IS NULL, false)")
_OPEN = text("coalesce(trashed_at IS NULL, false) AND coalesce(completed_at IS NULL, false)")


class Task(Ordered, table=True):
    """Something to be done. It is completed when `completed_at` is set, trashed when `trashed_at` is.

    Rows with the same `completed_with` or `trashed_with` were completed or moved to the trash
    together. `start_at` and `due_at` are the instants of `start` and `due` that have a time zone.
    The columns of a recurrence are all null or, except for `recurrence_remaining`, all set.
    `occurrence_of` names the recurring task of a completed occurrence, even if it is deleted. A subtask
    that its parent's next occurrence has opened keeps in `reset_at` when it was completed, and in
    `reset_with` the revision that opened it. `label_ids` is kept in step with the table
    `task_labels`. `title_words` and `description_words`
    hold the words of both texts for searches, computed by `utils.search`.
    """

    __tablename__ = "tasks"
    __table_args__ = (
        CheckConstraint("char_length(title) BETWEEN 1 AND 255", name="title_length"),
        CheckConstraint("char_length(description) <= 20000", name="description_length"),
        CheckConstraint("revision > 0", name="revision_positive"),
        CheckConstraint("priority BETWEEN 1 AND 4", name="priority_range"),
        CheckConstraint("duration_minutes BETWEEN 1 AND 10080", name="duration_range"),
        CheckConstraint("cardinality(label_ids) <= 50", name="label_count"),
        CheckConstraint("char_length(recurrence_rule) <= 200", name="rule_length"),
        CheckConstraint("recurrence_anchor IN ('due', 'completion')", name="anchor_known"),
        CheckConstraint(
            "num_nulls(recurrence_rule, recurrence_anchor, recurrence_from, recurrence_occurrence)"
            " IN (0, 4) AND (recurrence_rule IS NULL OR due_date IS NOT NULL)",
            name="recurrence_whole",
        ),
        CheckConstraint("jsonb_typeof(metadata) = 'object'", name="metadata_object"),
        CheckConstraint("parent_id <> id", name="parent_other"),
        CheckConstraint("section_id IS NULL OR list_id IS NOT NULL", name="section_in_list"),
        *(
            check
            for name in ("start", "due")
            for check in (
                CheckConstraint(f"{name}_time ~ '^[0-2][0-9]:[0-5][0-9]$'", name=f"{name}_format"),
                CheckConstraint(
                    f"{name}_time IS NULL OR {name}_date IS NOT NULL", name=f"{name}_time_has_date"
                ),
                CheckConstraint(
                    f"({name}_timezone IS NULL) = ({name}_at IS NULL)"
                    f" AND ({name}_timezone IS NULL OR {name}_time IS NOT NULL)",
                    name=f"{name}_timezone_has_time",
                ),
            )
        ),
        ForeignKeyConstraint(
            ["user_id", "list_id"], ["lists.user_id", "lists.id"], name="fk_tasks_list_id_lists"
        ),
        ForeignKeyConstraint(
            ["user_id", "list_id", "section_id"],
            ["sections.user_id", "sections.list_id", "sections.id"],
            name="fk_tasks_section_id_sections",
        ),
        ForeignKeyConstraint(
            ["user_id", "parent_id"],
            ["tasks.user_id", "tasks.id"],
            name="fk_tasks_parent_id_tasks",
        ),
        # One index for each order that a list can be read in; the key makes it total.
        *(
            Index(
                f"ix_tasks_live_user_id_{order}_id", "user_id", order, "id", postgresql_where=_LIVE
            )
            for order in ("created_at", "updated_at", "title")
        ),
        # The few open tasks among many completed ones, and the few trashed among all.
        Index(
            "ix_tasks_open_user_id_created_at_id",
            "user_id",
            "created_at",
            "id",
            postgresql_where=_OPEN,
        ),
        Index(
            "ix_tasks_trashed_user_id_created_at_id",
            "user_id",
            "created_at",
            "id",
            postgresql_where=IN_TRASH,
        ),
        # The manual order of a list and of the inbox.
        Index(
            "ix_tasks_live_user_id_list_id_position_id",
            "user_id",
            "list_id",
            "position",
            "id",
            postgresql_where=text(f"list_id IS NOT NULL AND {_LIVE}"),
        ),
        Index(
            "ix_tasks_inbox_user_id_position_id",
            "user_id",
            "position",
            "id",
            postgresql_where=text(f"coalesce(list_id IS NULL, false) AND {_LIVE}"),
        ),
        *(
            Index(
                f"ix_tasks_user_id_{name}",
                "user_id",
                name,
                postgresql_where=text(f"{name} IS NOT NULL"),
            )
            for name in ("list_id", "section_id", "parent_id", "occurrence_of")
        ),
        # Tasks with a date or a priority, in the orders of these.
        Index(
            "ix_tasks_live_user_id_due_id",
            "user_id",
            "due_date",
            text("coalesce(due_time, '24:00')"),
            "id",
            postgresql_where=text(f"due_date IS NOT NULL AND {_LIVE}"),
        ),
        *(
            Index(
                f"ix_tasks_live_user_id_{name}_id",
                "user_id",
                name,
                "id",
                postgresql_where=text(f"{name} IS NOT NULL AND {_LIVE}"),
            )
            for name in ("priority", "completed_at")
        ),
        Index("ix_tasks_user_id_revision", "user_id", "revision"),
        # For maintenance, which looks for the oldest of all users.
        Index("ix_tasks_trashed_at", "trashed_at", postgresql_where=IN_TRASH),
        # Without a pending list, which each search would read whole, other users' words included.
        Index(
            "ix_tasks_words",
            text("(title_words || description_words)"),
            postgresql_using="gin",
            postgresql_with={"fastupdate": "off"},
        ),
    )

    title: str = text_field()
    description: str | None = Field(default=None, sa_type=Text)
    completed_at: datetime | None = optional_timestamp_field()
    completed_with: int | None = cascade_field()
    trashed_at: datetime | None = optional_timestamp_field()
    trashed_with: int | None = cascade_field()
    list_id: UUID | None = None
    section_id: UUID | None = None
    parent_id: UUID | None = None
    priority: int | None = Field(default=None, sa_type=SmallInteger)
    start_date: date | None = None
    start_time: str | None = optional_text_field()
    start_timezone: str | None = Field(default=None, sa_type=Text)
    start_at: datetime | None = optional_timestamp_field()
    due_date: date | None = None
    due_time: str | None = optional_text_field()
    due_timezone: str | None = Field(default=None, sa_type=Text)
    due_at: datetime | None = optional_timestamp_field()
    duration_minutes: int | None = Field(default=None, sa_type=Integer)
    recurrence_rule: str | None = Field(default=None, sa_type=Text)
    recurrence_anchor: str | None = Field(default=None, sa_type=Text)
    recurrence_from: date | None = None
    recurrence_occurrence: date | None = None
    recurrence_remaining: int | None = Field(default=None, sa_type=Integer)
    occurrence_of: UUID | None = None
    occurrence: date | None = None
    reset_at: datetime | None = optional_timestamp_field()
    reset_with: int | None = cascade_field()
    label_ids: list[UUID] = Field(
        sa_column=Column(ARRAY(Uuid), server_default=text("'{}'"), nullable=False)
    )
    # `metadata` is taken by SQLModel.
    client_metadata: Any = Field(
        sa_column=Column("metadata", JSONB, server_default=text("'{}'"), nullable=False)
    )
    title_words: Any = Field(sa_column=Column(TSVECTOR, server_default="", nullable=False))
    description_words: Any = Field(sa_column=Column(TSVECTOR, server_default="", nullable=False))
