"""Tables, one resource type per file. Importing this package registers them all."""

from sqlmodel import SQLModel

from duly.models.exports import ExportLease
from duly.models.filters import Filter
from duly.models.idempotency import IdempotencyKey
from duly.models.installations import Installation
from duly.models.labels import Label, TaskLabel
from duly.models.lists import List
from duly.models.sections import Section
from duly.models.sessions import RevokedSession, Session
from duly.models.tasks import Task
from duly.models.tombstones import Tombstone
from duly.models.users import User, UserEmail

metadata = SQLModel.metadata

__all__ = [
    "ExportLease",
    "Filter",
    "IdempotencyKey",
    "Installation",
    "Label",
    "List",
    "RevokedSession",
    "Section",
    "Session",
    "Task",
    "TaskLabel",
    "Tombstone",
    "User",
    "UserEmail",
    "metadata",
]
