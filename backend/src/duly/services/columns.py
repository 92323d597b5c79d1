"""What answers are made of: the columns of a row as the schemas name them."""

from duly.models import Task, User
from duly.utils.tables import table_of
from duly.utils.times import utc

_users = table_of(User)
_tasks = table_of(Task)

PROFILE = (
    _users.c.id,
    _users.c.email,
    _users.c.name,
    _users.c.timezone,
    utc(_users.c.created_at),
    utc(_users.c.updated_at),
)
"""`schemas.users.UserRead`"""

TASK = (
    _tasks.c.id,
    _tasks.c.user_id,
    _tasks.c.title,
    _tasks.c.description,
    _tasks.c.completed_at.is_not(None).label("is_completed"),
    utc(_tasks.c.completed_at),
    utc(_tasks.c.created_at),
    utc(_tasks.c.updated_at),
    _tasks.c.revision.label("version"),
)
"""`schemas.tasks.TaskRead`"""
