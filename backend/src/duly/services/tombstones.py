"""Records of permanently deleted resources, so that sync can report each deletion.

One stays if the resource is created again under the same id: sync looks for the resource first.
"""

from typing import Any

from sqlalchemy import ColumnElement, Text, delete, literal, select
from sqlalchemy.dialects import postgresql

from duly.database.statements import USER_ID, OwnedStatement, owned
from duly.models import Tombstone
from duly.services.nouns import Noun
from duly.services.revisions import next_revision_of
from duly.utils.tables import table_of

_tombstones = table_of(Tombstone)


def erase(noun: Noun, *this: ColumnElement[Any]) -> OwnedStatement:
    """Delete the row that `this` picks, count one less, and leave a tombstone; return its id."""
    owner = next_revision_of(noun, *this, deletes=True)
    gone = (
        delete(noun.table)
        .where(*this, owner.c.revision.is_not(None))
        .returning(noun.table.c.id, owner.c.revision)
        .cte("gone")
    )
    insert = postgresql.insert(_tombstones).from_select(
        ["user_id", "id", "noun", "revision"],
        select(USER_ID, gone.c.id, literal(noun.name, Text()), gone.c.revision),
    )
    return owned(
        insert.on_conflict_do_update(
            index_elements=["user_id", "id", "noun"],
            set_={"revision": insert.excluded.revision, "created_at": insert.excluded.created_at},
        ).returning(_tombstones.c.id)
    )
