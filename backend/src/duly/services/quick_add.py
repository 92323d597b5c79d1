"""Quick add: a task from a line of text, with the labels that it names."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import ValidationError
from sqlalchemy import select

from duly.core.config import Settings
from duly.core.errors import Unauthenticated, ValidationFailed
from duly.database.scope import Call, UserScope
from duly.database.statements import USER_ID, owned
from duly.database.values import Row
from duly.models import Label, List, Section, User
from duly.quick_add import (
    Context,
    Draft,
    LabelName,
    ListName,
    NothingLeft,
    SectionName,
    Span,
    parse,
)
from duly.records import commands, creation
from duly.records.commands import Procedure
from duly.schemas.labels import LabelCreate
from duly.schemas.messages import message_of
from duly.schemas.quick_add import QuickAdd
from duly.schemas.tasks import TaskCreate
from duly.services import labels, tasks
from duly.utils.identifiers import new_id
from duly.utils.tables import table_of

_MANY_NAMES = 200
"""With more lists, sections and labels than this, parsing takes milliseconds and runs in a thread."""

_users, _labels = table_of(User), table_of(Label)
_lists, _sections = table_of(List), table_of(Section)

# A task in an archived list would not be seen: its name is not recognized.
_IS_OPEN = (
    _lists.c.user_id == USER_ID,
    _lists.c.trashed_at.is_(None),
    _lists.c.is_archived.is_(False),
)
_PROFILE = owned(select(_users.c.timezone, _users.c.language).where(_users.c.id == USER_ID))
_NAMES = {
    "#": owned(
        select(_lists.c.id, _lists.c.name)
        .where(*_IS_OPEN)
        .order_by(_lists.c.position, _lists.c.id)
    ),
    "/": owned(
        select(_sections.c.id, _sections.c.list_id, _sections.c.name)
        .join(_lists, (_lists.c.id == _sections.c.list_id) & (_lists.c.user_id == USER_ID))
        .where(*_IS_OPEN, _sections.c.user_id == USER_ID, _sections.c.trashed_at.is_(None))
        .order_by(_sections.c.position, _sections.c.id)
    ),
    "@": owned(select(_labels.c.id, _labels.c.name).where(_labels.c.user_id == USER_ID)),
}


@dataclass(frozen=True, slots=True)
class Added:
    """A task, whether it was created now, and the parts of the text that set its fields."""

    task: Row
    is_new: bool
    spans: tuple[Span, ...]


def add(scope: UserScope, sent: QuickAdd, settings: Settings) -> Procedure[Added]:
    """Create the task that a text describes, and the labels that it names.

    It raises what `tasks.create` and `labels.create` raise, and `ValidationFailed` for a text
    that leaves no valid title. Errors undo the labels, so its transaction must end with them: a
    batch cannot run it. The same create under the client's own id returns its task, on whatever
    day it is repeated.
    """

    async def work(transaction: UserScope, reads: list[list[Row]], _: int) -> Added:
        draft = await _draft_of(sent.text, reads)
        done = await creation.find_created(transaction, tasks.TYPE, sent.id, sent)
        if done is not None:
            return Added(done, False, draft.spans)
        body = _body_of(draft, task_id)
        body.label_ids = [
            known.id or await _create_label(transaction, known.name, settings)
            for known in draft.labels
        ]
        operation = tasks.create(scope, body, settings, sent=sent)
        task, is_new = await commands.run(transaction, operation)
        return Added(task, is_new, draft.spans)

    task_id = sent.id or new_id()
    return Procedure(None, task_id, _calls(sent.text), work)


async def preview(scope: UserScope, sent: QuickAdd) -> Draft:
    """Return what a text means. Raise `ValidationFailed` if a field would be invalid."""
    async with scope.transaction() as transaction:
        reads = await transaction.many(_calls(sent.text))
    if not reads[0]:
        raise Unauthenticated
    draft = await _draft_of(sent.text, reads)
    for known in draft.labels:
        if known.id is None:
            _new_label(known.name)
    return replace(draft, title=_body_of(draft, new_id()).title)


def shown(draft: Draft) -> dict[str, Any]:
    """Return a draft as `QuickAddDraft` has it."""
    return {
        "title": draft.title,
        "list_id": draft.list_id,
        "section_id": draft.section_id,
        "labels": draft.labels,
        "priority": draft.priority,
        "due": _due_of(draft),
        "duration_minutes": draft.duration_minutes,
        "recurrence": draft.recurrence,
    }


def _calls(text: str) -> Sequence[Call]:
    """The statements that read what the meaning of a text depends on."""
    statements = [statement for sign, statement in _NAMES.items() if sign in text]
    return [(statement, {}) for statement in (_PROFILE, *statements)]


async def _draft_of(text: str, reads: list[list[Row]]) -> Draft:
    [profile] = reads[0]
    by_sign = dict(zip([sign for sign in _NAMES if sign in text], reads[1:], strict=True))
    context = Context(
        language=profile["language"],
        now=datetime.now(ZoneInfo(profile["timezone"])).replace(tzinfo=None),
        lists=[ListName(**row) for row in by_sign.get("#", ())],
        sections=[SectionName(**row) for row in by_sign.get("/", ())],
        labels=[LabelName(**row) for row in by_sign.get("@", ())],
    )
    try:
        if sum(map(len, reads)) > _MANY_NAMES:
            return await asyncio.to_thread(parse, text, context)
        return parse(text, context)
    except NothingLeft as error:
        raise ValidationFailed.of("body.text", str(error), "nothing_left") from None


def _body_of(draft: Draft, task_id: UUID) -> TaskCreate:
    """Return the body with which `POST /tasks` would create the task, without its labels."""
    fields: dict[str, Any] = {
        "id": task_id,
        "title": draft.title,
        "list_id": draft.list_id,
        "section_id": draft.section_id,
        "priority": draft.priority,
        "due": _due_of(draft),
        "duration_minutes": draft.duration_minutes,
    }
    if draft.recurrence is not None:
        fields["recurrence"] = asdict(draft.recurrence)
    try:
        return TaskCreate.model_validate(fields)
    except ValidationError as error:
        raise _invalid(error, "The remaining") from None


def _due_of(draft: Draft) -> dict[str, str | None] | None:
    if draft.due is None:
        return None
    at = draft.due.time
    return {"date": draft.due.date.isoformat(), "time": None if at is None else f"{at:%H:%M}"}


async def _create_label(transaction: UserScope, name: str, settings: Settings) -> UUID:
    operation = labels.create(transaction, _new_label(name), settings)
    row, _ = await commands.run(transaction, operation)
    label_id: UUID = row["id"]
    return label_id


def _new_label(name: str) -> LabelCreate:
    try:
        return LabelCreate(name=name)
    except ValidationError as error:
        raise _invalid(error, "Each label's") from None


def _invalid(error: ValidationError, whose: str) -> ValidationFailed:
    """Return the error for a text that sets a field to an invalid value."""
    [first, *_] = error.errors()
    message = message_of(first)  # begins with "Must"
    message = f"{whose} {first['loc'][0]} {message[0].lower()}{message[1:]}"
    return ValidationFailed.of("body.text", message, str(first["type"]))
