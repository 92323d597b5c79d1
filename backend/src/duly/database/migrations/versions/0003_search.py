"""Words for the search, computed by the application and prefixed with their owner."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from duly.utils.search import description_vector, title_vector

revision = "0003"
down_revision = "0002"

# The words of a task can take 400 kB.
_PAGE = 100

_READ_FIRST = sa.text(
    "SELECT user_id, id, title, description FROM tasks ORDER BY user_id, id LIMIT :page"
)
_READ_NEXT = sa.text(
    "SELECT user_id, id, title, description FROM tasks "
    "WHERE (user_id, id) > (:user_id, :id) ORDER BY user_id, id LIMIT :page"
)
_WRITE = sa.text(
    "UPDATE tasks SET title_words = CAST(given.title AS tsvector), "
    "description_words = CAST(given.description AS tsvector) "
    "FROM unnest(CAST(:user_ids AS uuid[]), CAST(:ids AS uuid[]), "
    "CAST(:titles AS text[]), CAST(:descriptions AS text[])) "
    "AS given (user_id, id, title, description) "
    "WHERE tasks.user_id = given.user_id AND tasks.id = given.id"
)


def upgrade() -> None:
    # First, because each change of a task would compute this column again, in quadratic time.
    op.drop_index("ix_tasks_search", "tasks")
    op.drop_column("tasks", "search")
    for column in ("title_words", "description_words"):
        op.add_column(
            "tasks", sa.Column(column, postgresql.TSVECTOR(), server_default="", nullable=False)
        )
    _fill(op.get_bind())
    op.create_index(
        "ix_tasks_words",
        "tasks",
        [sa.text("(title_words || description_words)")],
        postgresql_using="gin",
        postgresql_with={"fastupdate": "off"},
    )


def downgrade() -> None:
    op.drop_index("ix_tasks_words", "tasks")
    for column in ("title_words", "description_words"):
        op.drop_column("tasks", column)
    op.add_column(
        "tasks",
        sa.Column(
            "search",
            postgresql.TSVECTOR(),
            sa.Computed(
                "to_tsvector('simple'::regconfig, title || ' ' || coalesce(description, ''))",
                persisted=True,
            ),
        ),
    )
    op.create_index("ix_tasks_search", "tasks", ["search"], postgresql_using="gin")


def _fill(connection: sa.Connection) -> None:
    """Compute the words of the existing tasks, page by page."""
    page = connection.execute(_READ_FIRST, {"page": _PAGE}).all()
    while page:
        params = {
            "user_ids": [task.user_id for task in page],
            "ids": [task.id for task in page],
            "titles": [title_vector(task.user_id, task.title) for task in page],
            "descriptions": [description_vector(task.user_id, task.description) for task in page],
        }
        connection.execute(_WRITE, params)
        last = {"user_id": page[-1].user_id, "id": page[-1].id}
        page = connection.execute(_READ_NEXT, {**last, "page": _PAGE}).all()
