"""Bodies and queries of tasks."""

from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StrictBool, ValidationInfo, field_validator
from typing_extensions import TypeAliasType

from duly.schemas.base import (
    IN_DIGITS,
    Instant,
    PatchBody,
    QueryBool,
    RequestBody,
    ResourceRead,
    Text,
    id_or,
)
from duly.schemas.changes import Deletion, Upsert
from duly.schemas.filter_text import FilterText
from duly.schemas.metadata import Metadata, MetadataPatch
from duly.schemas.operations import (
    Action,
    Complete,
    Create,
    MoveTo,
    OperationResult,
    SkipOne,
    Trash,
    Update,
)
from duly.schemas.order import Creation, Move, Position
from duly.schemas.page import MAX_OFFSET, ListQuery, Page
from duly.schemas.recurrence import Recurrence, RecurrencePatch, RecurrenceRead
from duly.schemas.times import LocalDate, Moment, MomentPatch, MomentRead, PastInstant

Title = Annotated[str, Text(1, 255)]
Description = Annotated[str, Text(0, 20_000, has_lines=True)]


MAX_LABELS = 50


def _distinct(label_ids: list[UUID]) -> list[UUID]:
    return list(dict.fromkeys(label_ids))


LabelIds = Annotated[
    list[UUID],
    Field(
        max_length=MAX_LABELS,
        description=f"Ids of labels, at most {MAX_LABELS}. Repeated ones are dropped, but count "
        "toward this limit.",
    ),
    AfterValidator(_distinct),
]
Priority = Annotated[
    int, Field(ge=1, le=4, strict=True, description="1 is the most urgent.", examples=[2])
]
Duration = Annotated[int, Field(ge=1, le=10_080, strict=True, examples=[45])]
ListId = Annotated[UUID | None, Field(description="The list; null is the inbox.")]
SectionId = Annotated[UUID | None, Field(description="A section of the list.")]
ParentId = Annotated[
    UUID | None,
    Field(description="The task that this is a subtask of; at most five levels."),
]


class TaskRead(ResourceRead):
    """A task."""

    title: Annotated[str, Field(examples=["Buy milk"])]
    description: str | None
    is_completed: bool
    completed_at: Instant | None
    trashed_at: Instant | None
    list_id: ListId
    section_id: SectionId
    parent_id: ParentId
    position: Position
    priority: Priority | None
    start: MomentRead | None
    due: MomentRead | None
    duration_minutes: Duration | None
    recurrence: RecurrenceRead | None
    occurrence_of: Annotated[
        UUID | None,
        Field(description="Of a completed occurrence, the recurring task; it may be deleted."),
    ]
    occurrence: Annotated[
        LocalDate | None, Field(description="Of a completed occurrence, the rule's date.")
    ]
    label_ids: list[UUID]
    metadata: dict[str, Any]


class TaskPage(Page[TaskRead]):
    """Tasks in order. `next_cursor` leads to the next page."""


class _TaskFields(RequestBody):
    """The fields that create and replace set in the same way."""

    response_schema = TaskRead

    title: Annotated[Title, Field(examples=["Buy milk"])]
    description: Annotated[Description | None, Field(examples=["Two litres"])] = None
    is_completed: StrictBool = False
    list_id: ListId = None
    section_id: SectionId = None
    parent_id: ParentId = None
    priority: Priority | None = None
    start: Annotated[
        Moment | None, Field(examples=[{"date": "2026-01-31", "time": "17:00", "timezone": None}])
    ] = None
    due: Annotated[
        Moment | None,
        Field(
            examples=[
                {"date": "2026-02-01", "time": "09:30", "timezone": "Europe/Rome"},
                {"date": "2026-02-02", "time": None, "timezone": None},
            ]
        ),
    ] = None
    duration_minutes: Duration | None = None
    recurrence: Annotated[Recurrence | None, Field(description="Needs a due date.")] = None
    label_ids: LabelIds = Field(default_factory=list)
    metadata: Metadata = Field(default_factory=dict)


class TaskReplace(_TaskFields):
    """A whole task. Absent fields are set to their defaults.

    `is_completed`, `list_id`, `section_id` and `parent_id` are unchanged if they are absent.
    """

    # A factory sets a default that the schema does not show: absent is not the same as false.
    is_completed: Annotated[StrictBool, Field(description="Unchanged if absent.")] = Field(
        default_factory=bool
    )


class TaskCreate(_TaskFields, Creation):
    """A new task. `id` may be any UUID that the client chooses."""

    completed_at: Annotated[
        PastInstant | None,
        Field(description="When it was completed, which it then is; not in the future."),
    ] = None


class TaskPatch(PatchBody):
    """Changes to a task, as a JSON merge patch (RFC 7396): null clears a field."""

    response_schema = TaskRead

    title: Title = Field(default_factory=str, examples=["Buy oat milk"])
    description: Description | None = Field(default_factory=lambda: None)
    is_completed: StrictBool = Field(default_factory=bool)
    list_id: ListId = Field(default_factory=lambda: None)
    section_id: SectionId = Field(default_factory=lambda: None)
    parent_id: ParentId = Field(default_factory=lambda: None)
    priority: Priority | None = Field(default_factory=lambda: None)
    start: MomentPatch | None = Field(default_factory=lambda: None)
    due: MomentPatch | None = Field(default_factory=lambda: None)
    duration_minutes: Duration | None = Field(default_factory=lambda: None)
    recurrence: RecurrencePatch | None = Field(default_factory=lambda: None)
    label_ids: LabelIds = Field(default_factory=list)
    add_label_ids: LabelIds = Field(
        default_factory=list,
        description="Labels to add, whatever other devices have added; not with `label_ids`.",
    )
    remove_label_ids: LabelIds = Field(
        default_factory=list, description="Labels to remove; not with `label_ids`."
    )
    metadata: MetadataPatch | None = Field(default_factory=dict)


class TaskMove(Move):
    """Another place: in another list, section or parent, or among its siblings.

    Without `list_id`, `section_id` and `parent_id` the task stays where it is and only its place
    among its siblings changes.
    """

    list_id: ListId = Field(default_factory=lambda: None)
    section_id: SectionId = Field(default_factory=lambda: None)
    parent_id: ParentId = Field(default_factory=lambda: None)


class Skip(RequestBody):
    """The occurrence of a recurring task to skip."""

    occurrence: Annotated[
        LocalDate,
        Field(description="The task's current occurrence: an earlier one changes nothing."),
    ]


class Completion(RequestBody):
    """What is completed, and when."""

    occurrence: Annotated[
        LocalDate | None,
        Field(
            description="Required for a recurring task, and ignored for any other: its current "
            "occurrence. An earlier one changes nothing, so that no retry completes the next one."
        ),
    ] = None
    completed_at: Annotated[
        PastInstant | None, Field(description="By default now; not in the future.")
    ] = None


class TaskSort(StrEnum):
    """The order of a list. A leading `-` means descending."""

    CREATED_AT = "created_at"
    CREATED_AT_DESCENDING = "-created_at"
    UPDATED_AT = "updated_at"
    UPDATED_AT_DESCENDING = "-updated_at"
    COMPLETED_AT = "completed_at"
    COMPLETED_AT_DESCENDING = "-completed_at"
    DUE = "due"
    DUE_DESCENDING = "-due"
    PRIORITY = "priority"
    PRIORITY_DESCENDING = "-priority"
    POSITION = "position"
    POSITION_DESCENDING = "-position"
    TITLE = "title"
    TITLE_DESCENDING = "-title"


class TaskQuery(ListQuery):
    """The query of `GET /tasks`."""

    offset: Annotated[
        int,
        Field(ge=0, le=MAX_OFFSET, description="Tasks to skip; not with `cursor`."),
        IN_DIGITS,
    ] = 0
    is_completed: Annotated[
        QueryBool | None, Field(description="Only completed, or only open tasks. Default: both.")
    ] = None
    is_trashed: Annotated[
        QueryBool, Field(description="Tasks in the trash, instead of the others.")
    ] = False
    list_id: Annotated[
        Literal["inbox"] | UUID | None,
        id_or("inbox"),
        Field(description="Only tasks of this list, or `inbox`."),
    ] = None
    section_id: Annotated[
        Literal["none"] | UUID | None,
        id_or("none"),
        Field(description="Only tasks of this section, or `none`."),
    ] = None
    parent_id: Annotated[
        Literal["none"] | UUID | None,
        id_or("none"),
        Field(description="Only subtasks of this task; `none`: no subtasks."),
    ] = None
    label_id: Annotated[
        Literal["none"] | UUID | None,
        id_or("none"),
        Field(description="Only tasks with this label, or `none`."),
    ] = None
    filter: Annotated[
        FilterText | None,
        Field(
            description="Only tasks that a filter finds; docs/filters.md describes the language."
        ),
    ] = None
    include_archived: Annotated[QueryBool, Field(description="Also tasks of archived lists.")] = (
        False
    )
    q: Annotated[
        Annotated[str, Text(0, 200)] | None,
        Field(
            description='Search title and description: words, "a phrase", -without; '
            "the last word by its beginning."
        ),
    ] = None
    sort: Annotated[TaskSort, Field(description="The order of the list.")] = (
        TaskSort.CREATED_AT_DESCENDING
    )

    @field_validator("q")
    @classmethod
    def _drop_empty(cls, q: str | None) -> str | None:
        return q or None

    @field_validator("offset")
    @classmethod
    def _check_offset(cls, offset: int, info: ValidationInfo) -> int:
        if offset and info.data.get("cursor") is not None:
            raise ValueError("Cannot be combined with cursor")
        return offset


class TaskUpsert(Upsert[Literal["task"], TaskRead]):
    """A task that was created or changed, in its current state."""


class TaskDeletion(Deletion[Literal["task"]]):
    """A task that was deleted, or moved to the trash."""


TaskChange = TypeAliasType(
    "TaskChange", Annotated[TaskUpsert | TaskDeletion, Field(discriminator="op")]
)


class CreateTask(Create[Literal["task"], TaskCreate]):
    """Create a task."""


class UpdateTask(Update[Literal["task"], TaskPatch]):
    """Change a task."""


class DeleteTask(Trash[Literal["task"]]):
    """Move a task to the trash, or delete it permanently."""


class MoveTask(MoveTo[Literal["task"], TaskMove]):
    """Move a task with its subtasks."""


class CompleteTask(Complete[Literal["task"], Completion]):
    """Complete a task and its open subtasks."""

    data: Completion = Field(default_factory=Completion)


class SkipTask(SkipOne[Literal["task"], Skip]):
    """Skip an occurrence of a recurring task."""


class TaskAction(Action[Literal["task"], Literal["reopen", "restore"]]):
    """Reopen or restore a task."""


TaskOperation = TypeAliasType(
    "TaskOperation",
    Annotated[
        CreateTask | UpdateTask | DeleteTask | MoveTask | CompleteTask | SkipTask | TaskAction,
        Field(discriminator="op"),
    ],
)


class ShortTask(TaskRead):
    """A task after an operation; of its texts and metadata, only what the operation has set."""

    # Factories give defaults that the schema does not show: absent is not the same as default.
    title: str = Field(default_factory=str, examples=["Buy milk"])
    description: str | None = Field(default_factory=lambda: None)
    metadata: dict[str, Any] = Field(default_factory=dict)


class TaskResult(OperationResult[Literal["task"], ShortTask]):
    """The result of an operation on a task."""
