"""Tables, one resource type per file. Importing this package registers them all."""

from sqlalchemy import DDL, event
from sqlmodel import SQLModel

from duly.models.api_tokens import ApiToken, ApiTokenDigest
from duly.models.exports import ExportLease
from duly.models.factors import Factor, PasskeyOwner, SignInChallenge
from duly.models.filters import Filter
from duly.models.idempotency import IdempotencyKey
from duly.models.identities import DeletedIdentity, UserIdentity
from duly.models.installations import Installation
from duly.models.labels import Label, TaskLabel
from duly.models.lists import List
from duly.models.mails import EmailLink, OutgoingMail
from duly.models.sections import Section
from duly.models.security_events import SecurityEvent
from duly.models.sessions import RevokedSession, Session
from duly.models.sign_in_codes import SignInCode
from duly.models.tasks import Task
from duly.models.tombstones import Tombstone
from duly.models.users import User, UserEmail

metadata = SQLModel.metadata

# PostgreSQL then expects a user to have a hundred rows. Where most have one or two, it would expect no
# more of anybody: it would read all of a user's rows to find one, and join trees in quadratic time.
for _model in (EmailLink, Factor, Filter, Label, List, Section, SignInChallenge, SignInCode, Task):
    event.listen(
        metadata.tables[str(_model.__tablename__)],
        "after_create",
        DDL("ALTER TABLE %(table)s ALTER COLUMN user_id SET (n_distinct = -0.01)"),  # type: ignore[no-untyped-call]  # SQLAlchemy's
    )

__all__ = [
    "ApiToken",
    "ApiTokenDigest",
    "DeletedIdentity",
    "EmailLink",
    "ExportLease",
    "Factor",
    "Filter",
    "IdempotencyKey",
    "Installation",
    "Label",
    "List",
    "OutgoingMail",
    "PasskeyOwner",
    "RevokedSession",
    "Section",
    "SecurityEvent",
    "Session",
    "SignInChallenge",
    "SignInCode",
    "Task",
    "TaskLabel",
    "Tombstone",
    "User",
    "UserEmail",
    "UserIdentity",
    "metadata",
]
