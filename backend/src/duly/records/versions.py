"""The versions of a resource that a change expects: those that `If-Match` names."""

from collections.abc import Sequence

from sqlalchemy import ARRAY, BigInteger, ColumnElement, any_, bindparam, or_

from duly.core.errors import PreconditionFailed
from duly.database.values import Row
from duly.records.types import ResourceType

Versions = Sequence[int] | None
"""None if any version will do."""

_VERSIONS = bindparam("versions", type_=ARRAY(BigInteger()))


def has_version(kind: ResourceType) -> ColumnElement[bool]:
    """The stored resource has one of the versions `:versions`, if there are any."""
    # Checked in the statement that writes, so a stale write changes nothing.
    return or_(_VERSIONS.is_(None), kind.table.c.revision == any_(_VERSIONS))


def check_version(kind: ResourceType, resource: Row, versions: Versions) -> None:
    """Raise `PreconditionFailed` unless a resource that was read has one of the versions."""
    if versions is not None and resource["version"] not in versions:
        raise PreconditionFailed(kind.name)
