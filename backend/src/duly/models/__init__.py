"""Tables, one noun a file. Importing this package registers them all."""

from sqlmodel import SQLModel

from duly.models.sessions import RevokedSession, Session
from duly.models.tasks import Task
from duly.models.users import User, UserEmail

metadata = SQLModel.metadata

__all__ = ["RevokedSession", "Session", "Task", "User", "UserEmail", "metadata"]
