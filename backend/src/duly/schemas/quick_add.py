"""Bodies of quick add."""

from typing import Annotated
from uuid import UUID

from pydantic import Field, RootModel, StrictBool, StringConstraints

from duly.quick_add import Anchor, SpanKind
from duly.schemas.base import RequestBody, ResponseBody
from duly.schemas.tasks import Duration, ListId, Priority, SectionId, TaskRead
from duly.schemas.times import LocalDate, LocalTime

MAX_TEXT = 2_000


class QuickAdd(RequestBody):
    """A line of text that describes a task. `id` may be any UUID that the client chooses."""

    # Not trimmed or normalized: spans are positions in the text as it was sent.
    text: Annotated[
        str,
        StringConstraints(min_length=1, max_length=MAX_TEXT),
        Field(
            description="The user's language decides how it is read.",
            examples=["Pay rent tomorrow 5pm p1 @bills"],
        ),
    ]
    id: Annotated[UUID | None, Field(description="Any UUID that the client chooses.")] = None
    dry_run: Annotated[
        StrictBool, Field(description="Only return what the text means; create nothing.")
    ] = False


class QuickAddSpan(ResponseBody):
    """A part of the text that sets a field: from `start` to `end`, exclusive, in code points."""

    start: Annotated[int, Field(ge=0)]
    end: Annotated[int, Field(ge=1)]
    kind: SpanKind
    value: Annotated[
        str | int,
        Field(
            description="An id (list, section), a name (label), a number (priority, minutes of a "
            "duration), YYYY-MM-DD, HH:MM, the rule of a recurrence, or a backslash (escape)."
        ),
    ]


class QuickAddLabel(ResponseBody):
    """A label of the draft. `id` is null if it does not exist yet."""

    id: UUID | None
    name: str


class QuickAddDue(ResponseBody):
    """When the task would be due. Without `time` it is all day."""

    date: LocalDate
    time: LocalTime | None


class QuickAddRecurrence(ResponseBody):
    """How the task would recur."""

    rule: Annotated[str, Field(examples=["FREQ=WEEKLY;BYDAY=MO"])]
    anchor: Anchor


class QuickAddDraft(ResponseBody):
    """The task that a text describes."""

    title: str
    list_id: ListId
    section_id: SectionId
    labels: list[QuickAddLabel]
    priority: Priority | None
    due: QuickAddDue | None
    duration_minutes: Duration | None
    recurrence: QuickAddRecurrence | None


class QuickAddPreview(ResponseBody):
    """The task that a text describes, and the parts of the text that set its fields."""

    draft: QuickAddDraft
    spans: list[QuickAddSpan]


class QuickAddResult(ResponseBody):
    """The task that was created, and the parts of the text that set its fields."""

    task: TaskRead
    spans: list[QuickAddSpan]


class QuickAddPreviewOrResult(RootModel[QuickAddPreview | QuickAddResult]):
    """A preview with `dry_run`; else the task that the same request created before."""
