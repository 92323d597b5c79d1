"""The profile of an account, as responses show it."""

from duly.models import User
from duly.utils.tables import table_of
from duly.utils.times import utc

_users = table_of(User)

PROFILE = (
    _users.c.id,
    _users.c.email,
    _users.c.name,
    _users.c.timezone,
    _users.c.week_start,
    _users.c.language,
    utc(_users.c.created_at),
    utc(_users.c.updated_at),
)
"""`schemas.users.UserRead`"""
