"""The profile of an account: what responses show of it, and what each change of it sets."""

from sqlalchemy import func

from duly.models import User
from duly.utils.tables import table_of
from duly.utils.times import utc

_users = table_of(User)

PROFILE = (
    _users.c.id,
    _users.c.email,
    utc(_users.c.email_verified_at),
    _users.c.pending_email,
    _users.c.name,
    _users.c.timezone,
    _users.c.week_start,
    _users.c.language,
    utc(_users.c.created_at),
    utc(_users.c.updated_at),
)
"""`schemas.users.UserRead`"""

NEXT_PROFILE = {
    _users.c.revision: _users.c.revision + 1,
    _users.c.profile_revision: _users.c.revision + 1,
    _users.c.updated_at: func.now(),
}
"""Columns that every change of the profile also sets, so that sync reports it."""

NEW_CREDENTIALS = {**NEXT_PROFILE, _users.c.credentials_changed_at: func.now()}
"""Columns that every change of the password or the address also sets: links in mails die of it."""
