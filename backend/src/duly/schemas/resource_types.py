"""All resource types as clients see them. A new one joins these unions, and `users.UserExport`."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypeAliasType

from duly.schemas.filters import FilterChange, FilterOperation, FilterResult
from duly.schemas.labels import LabelChange, LabelOperation, LabelResult
from duly.schemas.lists import ListChange, ListOperation, ListResult
from duly.schemas.sections import SectionChange, SectionOperation, SectionResult
from duly.schemas.tasks import TaskChange, TaskOperation, TaskResult
from duly.schemas.users import UserChange

Change = TypeAliasType(
    "Change",
    Annotated[
        TaskChange | ListChange | SectionChange | LabelChange | FilterChange | UserChange,
        Field(discriminator="type"),
    ],
)
"""The current state of a resource or of the account, or the deletion of a resource."""

Operation = TypeAliasType(
    "Operation",
    Annotated[
        TaskOperation | ListOperation | SectionOperation | LabelOperation | FilterOperation,
        Field(discriminator="type"),
    ],
)
"""One operation of a batch."""

Result = TypeAliasType(
    "Result",
    Annotated[
        TaskResult | ListResult | SectionResult | LabelResult | FilterResult,
        Field(discriminator="type"),
    ],
)
"""The result of one operation of a batch."""
