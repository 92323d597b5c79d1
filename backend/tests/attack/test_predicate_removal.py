"""The attack suite fails for each owner predicate that is removed."""

import random
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import true
from sqlalchemy.dialects.postgresql.psycopg import PGCompiler_psycopg
from sqlalchemy.sql import visitors
from sqlalchemy.sql.elements import BinaryExpression, BindParameter

from duly.core.config import Settings
from duly.database import ownership
from duly.database.statements import USER_ID, UnscopedStatement
from duly.records.types import ResourceType
from duly.schemas.tasks import TaskSort
from duly.services import task_pages
from duly.services.resource_types import RESOURCE_TYPES
from tests.attack.environments import Environment, both_environments
from tests.attack.explained import EXPLAINED
from tests.attack.predicate_removal import PredicateRemoval, Step
from tests.attack.predicates import (
    PLAINLY_LISTED,
    SHAPES,
    Mutant,
    Source,
    label_of,
    mutants,
    source_of,
    sources,
)
from tests.attack.shapes import Own, Shapes
from tests.support.resources import sorts_of


def _listed(**options: Any) -> str:
    return "services.task_pages.list_statement" + label_of((task_pages.Shape(**options),), {})


def _samples_of(kind: ResourceType) -> Iterator[tuple[str, str]]:
    """Statements of a type, and the operation that runs each."""
    yield f"records.changes._read({kind})", f"get_{kind}"
    place = {"list_id", "section_id", "parent_id"}
    fields = ",".join(sorted({*kind.fields} - place))
    yield f"records.changes._setting({kind} {fields})", f"replace_{kind}"
    for is_last in (False, True):
        yield f"records.moves.placing({kind} is_last={is_last})", f"move_{kind}"
    for is_resumed in (False, True):
        yield f"records.export._page({kind} is_resumed={is_resumed})", "export_me"
    for shape in SHAPES.get(kind.name, ("plain",)):
        form = f"{kind} {shape} True False {not kind.rare}"
        yield f"records.creation._insert({form})", f"create_{kind}"
    if kind in PLAINLY_LISTED:
        page = f"{kind} {sorts_of(kind)[0]} start True False "
        yield f"records.pages._plain({page})", f"list_{kind.plural}"


# Some statements of each type, and the operation that runs each. `make attack` takes all of them.
SAMPLE = {
    **{name: operation for kind in RESOURCE_TYPES for name, operation in _samples_of(kind)},
    _listed(is_counted=True): "list_tasks",
    _listed(is_counted=True, is_searched=True): "list_tasks",
    _listed(is_counted=True, label_id="id"): "list_tasks",
    _listed(sort=TaskSort.DUE): "list_tasks",
    "records.changes.erasing(filter)": "delete_filter",
    "records.order._beside(task list_id is_before=True is_inclusive=True)": "move_task",
    "records.order._first(task )": "move_task create_task",
    **{f"services.lists._TRASH[{number}]": "delete_list" for number in range(3)},
    **{f"services.lists._RESTORE[{number}]": "restore_list" for number in range(3)},
    **{f"services.lists._ERASE[{number}]": "delete_list" for number in range(3)},
    "services.lists._COUNTS": "delete_list",
    "services.lists._MOVE_TASKS": "delete_list",
    "services.sections._CLEAR": "delete_section",
    "services.labels._TAKE_OFF": "delete_label",
    # Statements are named after the first module that has them.
    "services.task_completion.COMPLETE": "complete_task",
    "services.task_completion.COMPLETE_ONE": "complete_task",
    "services.task_completion.REOPEN": "reopen_task",
    "services.task_completion.REOPEN_ONE": "reopen_task",
    "services.task_trees.RESTORE": "restore_task",
    "services.task_trees.TRASH": "delete_task",
    "services.task_completion.ERASE": "delete_task",
    "services.task_trees.TRASH.lookup": "delete_task",
    "services.task_places._FACTS": "move_task update_task replace_task",
    "services.tasks._MOVE_BELOW": "move_task",
    "services.tasks._LABEL": "update_task",
    "services.tasks._UNLABEL": "update_task",
    "services.quick_add._NAMES[#]": "add_task_from_text",
    "services.sync._PAGE": "sync_changes",
    "services.auth.END_ONE": "end_session",
    "services.api_tokens._DELETE_ONE": "delete_api_token",
    "services.api_token_lists._page(resumed=False counted=True)": "list_api_tokens",
    "services.identities._DELETE": "delete_me",
    "services.identities._IDS": "the operator",
    "services.identities._LIST": "export_me",
    "services.factors._REMOVE": "remove_factor",
    "services.factors._PENDING": "confirm_factor",
    "services.factors._LIST": "list_factors",
}


# This one inserts rows of the owner, and compares no column with it.
WITHOUT_COMPARISON = {"services.tasks._LABEL"}


@pytest.fixture(scope="module")
async def removal(settings: Settings, dsn: str) -> AsyncIterator[PredicateRemoval]:
    async with both_environments(settings, dsn) as environments:
        yield PredicateRemoval(environments)


def steps_of(environments: tuple[Environment, Environment], source: Source) -> list[Step]:
    """The parts of the suite that run a statement of the sample."""
    shapes = Shapes(environments[0].app, random.Random(0))
    if SAMPLE[source.name] == "the operator":
        return [Step(shapes.operations[0], is_operator=True)]
    wanted_ids = SAMPLE[source.name].split()
    operations = [item for item in shapes.operations if item.id in wanted_ids]
    if "list_statement" not in source.name and "_plain" not in source.name:
        return [Step(operation) for operation in operations]
    [operation] = operations
    wanted: dict[str, Any] = {}
    if "is_counted=True" in source.name or "start True" in source.name:
        wanted["include_total"] = True
    if "is_searched=True" in source.name:
        wanted["q"] = "task"
    if "label_id=id" in source.name:
        wanted["label_id"] = Own("listed label")
    if "sort=due" in source.name:
        wanted["sort"] = "due"
    drafts = [draft for draft in shapes.combinations(operation) if draft.query == wanted]
    return [Step(operation, draft) for draft in drafts]


QUICK = {
    "records.moves.placing(label is_last=False)",
    "services.labels._TAKE_OFF",
}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in SAMPLE],
)
async def test_attack_suite_detects_each_removed_owner_predicate(
    removal: PredicateRemoval, name: str
) -> None:
    source = source_of(name)
    removal.steps[source.sql] = steps_of(removal.environments, source)

    unexplained = [mutant for mutant in mutants(source) if mutant.name not in EXPLAINED]
    assert unexplained
    assert await removal.is_green(source.sql)
    assert [mutant.name for mutant in unexplained if await removal.survives(mutant)] == []


@contextmanager
def owner_forgotten(construct: Any) -> Iterator[None]:
    """Let the statement be as it would be, had its author forgotten the owner."""
    # In place: in a copy, a CTE that is used twice would be two.
    comparisons = [
        (element, element.left, element.right)
        for element in visitors.iterate(construct)
        if isinstance(element, BinaryExpression)
        and any(
            isinstance(side, BindParameter) and side.key == USER_ID.key
            for side in (element.left, element.right)
        )
    ]
    for comparison, *_ in comparisons:
        comparison.left = comparison.right = true()
    try:
        yield
    finally:
        for comparison, left, right in comparisons:
            comparison.left, comparison.right = left, right


def test_statement_without_its_owner_does_not_compile() -> None:
    guarded = [source for source in sources() if source.is_guarded]
    assert len(guarded) > 800

    for source in guarded:
        with owner_forgotten(source.construct), pytest.raises(UnscopedStatement):
            source.compile(source.construct)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in SAMPLE if name not in WITHOUT_COMPARISON])
async def test_attack_suite_detects_a_forgotten_owner_without_the_ownership_check(
    removal: PredicateRemoval, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    source = source_of(name)
    with monkeypatch.context() as patch:
        patch.setattr(
            ownership._CheckingCompiler,
            "_checked",
            lambda _, visit, statement, __, *args, **options: visit(statement, *args, **options),
        )
        for method in ("visit_table", "visit_join"):
            plain = getattr(PGCompiler_psycopg, method)
            patch.setattr(ownership._CheckingCompiler, method, plain)
        with owner_forgotten(source.construct):
            forgetful = source.compile(source.construct)
    assert forgetful.count(b"= %(user_id)s") < source.sql.count(b"= %(user_id)s")
    removal.steps[source.sql] = steps_of(removal.environments, source)

    assert not await removal.survives(Mutant(source, 0, "all", 1, forgetful))
