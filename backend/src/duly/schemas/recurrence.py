"""Recurrences of tasks."""

from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field

from duly.recurrence.rules import parse_rule
from duly.schemas.base import PatchBody, RequestBody, ResponseBody
from duly.schemas.times import LocalDate


def _check_rule(value: str) -> str:
    parse_rule(value)
    return value


RuleText = Annotated[
    str,
    Field(
        max_length=200,
        description="A recurrence rule (RFC 5545) in one line.",
        examples=["FREQ=WEEKLY;BYDAY=MO,TH"],
    ),
    AfterValidator(_check_rule),
]
Anchor = Annotated[
    Literal["due", "completion"],
    Field(description="Whether the next date follows the due date, or the day of completion."),
]
Occurrence = Annotated[LocalDate, Field(description="The rule's date that is due now.")]
_FROM = (
    "The date that INTERVAL and implied days count from; by default, the due date at the time when "
    "a new rule is set."
)


class RecurrenceRead(ResponseBody):
    """How a task recurs."""

    rule: RuleText
    anchor: Anchor
    from_: Annotated[LocalDate, Field(alias="from", description=_FROM)]
    occurrence: Occurrence
    remaining: Annotated[
        int | None,
        Field(description="How many completions and skips COUNT has left, this one included."),
    ]


class Recurrence(RequestBody):
    """How a task recurs."""

    response_schema = RecurrenceRead

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    rule: RuleText
    anchor: Anchor = "due"
    from_: Annotated[LocalDate | None, Field(alias="from", description=_FROM)] = None


class RecurrencePatch(PatchBody):
    """Changes to a recurrence, as a JSON merge patch: absent fields stay.

    A new `rule` or `from` restarts the recurrence: the occurrence becomes the due date, and so does
    `from` if it is absent. A `rule` with another COUNT or UNTIL alone does not.
    """

    response_schema = RecurrenceRead

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    rule: RuleText = Field(default_factory=str)
    anchor: Anchor = Field(default_factory=lambda: "due")
    from_: Annotated[LocalDate | None, Field(alias="from", description=_FROM)] = Field(
        default_factory=lambda: None
    )
