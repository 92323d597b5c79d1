"""Identifiers."""

from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562): ids made later sort later."""
    return uuid7()


def issued_at(identifier: UUID) -> float:
    """Return when an id was created, in Unix seconds: it begins with the time in milliseconds."""
    return int.from_bytes(identifier.bytes[:6]) / 1000
