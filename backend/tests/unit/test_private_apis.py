"""Everything that Duly uses of its dependencies beyond their documented APIs, in one place.

If a release changes any of it, a test here fails: read the new code, adapt the module named with
it, then this list. Granian has a test of its own, `test_granian.py`.
"""

import inspect
from collections.abc import Iterable
from typing import Any

import psycopg.errors
import pytest
from fastapi import APIRouter
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_flat_params
from prometheus_client import CollectorRegistry, Histogram
from psycopg.adapt import Transformer
from psycopg.pq import PGconn, PGresult
from sqlalchemy import insert, select, update
from sqlalchemy.dialects.postgresql.psycopg import PGCompiler_psycopg, PGDialect_psycopg
from sqlalchemy.types import LargeBinary, TypeEngine

from duly.api import users
from duly.api.routing import CompiledRoute
from duly.models import Task
from duly.utils.tables import table_of

tasks = table_of(Task)


def missing(of: Any, names: Iterable[str]) -> list[str]:
    return [name for name in names if not hasattr(of, name)]


def test_parts_of_a_dependant_of_fastapi() -> None:
    """`api.arguments` compiles it."""
    parts = ["call", "name", "dependencies", "request_param_name"]
    kinds = ["path_params", "query_params", "header_params", "cookie_params", "body_params"]

    assert missing(Dependant(), [*parts, *kinds]) == []


def test_parts_of_a_field_of_fastapi() -> None:
    """`api.arguments` validates with it."""
    router = APIRouter(route_class=CompiledRoute)
    router.add_api_route("/", users.update_me, methods=["PATCH"])
    route: Any = router.routes[0]
    [field] = route.dependant.body_params

    assert missing(field, ["name", "alias", "default", "field_info"]) == []
    assert field.validate({"x": 1}, loc=("body",))[1][0]["loc"] == ("body", "x")
    assert get_flat_params(route.dependant) == []


@pytest.mark.parametrize(
    ("statement", "names"),
    [
        (select(tasks), ["_where_criteria", "_for_update_arg"]),
        (insert(tasks), ["_values", "_multi_values", "_select_names"]),
        (update(tasks), ["_values", "_where_criteria"]),
        (tasks, ["_deannotate"]),
        (LargeBinary(), ["_has_bind_expression"]),
    ],
)
def test_parts_of_constructs_of_sqlalchemy(statement: Any, names: list[str]) -> None:
    """`database.ownership` reads them."""
    assert missing(statement, names) == []


def test_methods_of_the_compiler_of_sqlalchemy() -> None:
    """`database.ownership` overrides them, so each must be called as before."""
    overridden = {
        name
        for name in dir(PGCompiler_psycopg)
        if name.startswith(("visit_", "get_statement_hint")) and name in OVERRIDDEN
    }

    assert overridden == OVERRIDDEN
    assert "colspecs" in vars(PGDialect_psycopg)
    assert TypeEngine.render_bind_cast is False


OVERRIDDEN = {
    "visit_select",
    "visit_update",
    "visit_delete",
    "visit_insert",
    "visit_on_conflict_do_update",
    "visit_table",
    "visit_alias",
    "visit_join",
    "visit_column",
    "visit_custom_op_binary",
    "visit_custom_op_unary_operator",
    "visit_custom_op_unary_modifier",
    "visit_function",
    "visit_cte",
    "visit_textclause",
    "visit_textual_select",
    "visit_extract",
    "visit_sequence",
    "get_statement_hint_text",
}


def test_what_connections_use_of_psycopg() -> None:
    """`database.connection` works below its cursors; psycopg documents most of it."""
    sending = ["send_query", "send_query_params", "send_query_prepared", "send_prepare"]
    receiving = ["consume_input", "is_busy", "get_result", "notifies", "flush"]
    pipelines = ["enter_pipeline_mode", "exit_pipeline_mode", "pipeline_sync"]

    assert (
        missing(PGconn, [*sending, *receiving, *pipelines, "socket", "transaction_status"]) == []
    )
    assert missing(PGresult, ["status", "nfields", "ntuples", "fname"]) == []
    assert missing(Transformer, ["dump_sequence", "set_pgresult", "load_rows"]) == []
    assert "result" in inspect.signature(psycopg.errors.error_from_result).parameters


def test_parts_of_a_histogram_of_prometheus_client() -> None:
    """`runtime.metrics` adds many requests to it at once."""
    histogram = Histogram("duly_parts", "Parts.", buckets=(1,), registry=CollectorRegistry())

    assert missing(histogram, ["_sum", "_buckets"]) == []
    histogram._sum.inc(3)
    histogram._buckets[1].inc(2)
    [found] = histogram.collect()
    assert {
        one.name.rpartition("_")[2]: one.value
        for one in found.samples
        if one.labels != {"le": "1.0"}
    } == {"bucket": 2, "count": 2, "sum": 3, "created": histogram._created}
