"""Sections of lists: their tasks stay in the list when they are deleted."""

from typing import Any
from uuid import UUID

from sqlalchemy import func, null, select

from duly.core.config import Settings
from duly.core.tokens import Keyring
from duly.database.scope import UserScope
from duly.database.statements import USER_ID, owned
from duly.database.values import Row
from duly.models import Section, User
from duly.records import changes, creation, moves, pages
from duly.records.cascades import changing_all, erase_referred, erasing_all
from duly.records.commands import Operation
from duly.records.creation import Created, Shape
from duly.records.types import ID, ResourceType, name_with_key, stored_as_sent
from duly.records.versions import Versions
from duly.schemas.order import Move
from duly.schemas.sections import SectionCreate, SectionPatch, SectionQuery, SectionReplace
from duly.services.task_places import is_list_live, unknown_reference
from duly.services.task_type import TYPE as TASK
from duly.utils.tables import table_of
from duly.utils.times import utc

_sections = table_of(Section)

TYPE = ResourceType(
    name="section",
    table=_sections,
    shown=(
        _sections.c.id,
        _sections.c.user_id,
        _sections.c.list_id,
        _sections.c.name,
        _sections.c.position,
        utc(_sections.c.created_at),
        utc(_sections.c.updated_at),
        _sections.c.revision.label("version"),
    ),
    fields={
        "list_id": stored_as_sent(_sections.c.list_id),
        "name": name_with_key(_sections.c.name, _sections.c.name_key),
    },
    counter=table_of(User).c.section_count,
    siblings=(_sections.c.list_id,),
    is_referred_to=True,
)


def _explain_list(facts: Row) -> None:
    if not facts["fits"]:
        raise unknown_reference("list_id", "list")


_IN_LIST = Shape(condition=is_list_live(), explain=_explain_list)


def create(scope: UserScope, body: SectionCreate, settings: Settings) -> Operation[Created]:
    """Create a section of a list. It raises `ValidationFailed` if there is no such list."""
    return creation.create(TYPE, scope.user_id, body, settings.max_sections, shape=_IN_LIST)


def replace(
    scope: UserScope, section_id: UUID, body: SectionReplace, versions: Versions
) -> Operation[Row]:
    """Set every field of a section."""
    return changes.update(TYPE, scope.user_id, section_id, body.model_dump(), versions)


def patch(
    scope: UserScope, section_id: UUID, body: SectionPatch, versions: Versions
) -> Operation[Row]:
    """Set the fields that were sent."""
    return changes.update(TYPE, scope.user_id, section_id, body.changes(), versions)


def move(_: UserScope, section_id: UUID, body: Move, versions: Versions) -> Operation[Row]:
    """Move a section among the sections of its list."""
    return moves.move(TYPE, section_id, body, versions)


def delete_section(_: UserScope, section_id: UUID, __: None, versions: Versions) -> Operation[Row]:
    """Delete a section permanently; its tasks stay in the list. It raises `TooManyChanges`."""
    return erase_referred(TYPE, section_id, versions, count=_COUNT, statements=[_CLEAR, _ERASE])


async def read_page(
    scope: UserScope, keyring: Keyring, query: SectionQuery
) -> tuple[dict[str, Any], str]:
    """A page of the caller's sections and its entity tag."""
    within = {} if query.list_id is None else {"list_id": query.list_id}
    return await pages.read_plain_page(scope, keyring, TYPE, query, within=within)


_ITS_TASKS = select(TASK.table.c.position, TASK.table.c.id).where(
    TASK.table.c.user_id == USER_ID, TASK.table.c.section_id == ID
)
_COUNT = owned(select(func.count().label("count")).select_from(_ITS_TASKS.subquery("its_tasks")))
_CLEAR = changing_all(TASK, _ITS_TASKS, lambda _: {"section_id": null()}, puts_last=True)
_ERASE = erasing_all(TYPE, select(_sections.c.id).where(TYPE.is_named))
