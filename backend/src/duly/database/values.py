"""Values of PostgreSQL: as values of Python, or unparsed if a row only goes into a response.

See docs/decisions/0024-unparsed-rows.md.
"""

from typing import Any, NamedTuple

import orjson
import psycopg
from psycopg import AsyncConnection, abc
from psycopg.abc import Buffer
from psycopg.adapt import AdaptersMap, Loader, Transformer
from psycopg.pq.abc import PGresult
from psycopg.types.json import set_json_dumps
from psycopg.types.string import TextLoader
from sqlalchemy import VARCHAR

Row = dict[str, Any]

JSON_TEXT = VARCHAR
"""The type of a text that a statement has composed as JSON.

No column has this type, so it tells the loader what to do. A cast to `json` would do the same, but
PostgreSQL parses such a text to check it. A cast to `varchar` does nothing.
"""


class _JsonLoader(Loader):
    """Reads JSON without a call of Python: each row of a list of tasks has some.

    Like the JSON of requests: PostgreSQL writes large numbers as digits, which are floats again.
    """

    load = staticmethod(orjson.loads)  # type: ignore[assignment]  # it takes text, too


class _UnparsedJsonLoader(Loader):
    """Passes JSON on as it is."""

    def load(self, data: Buffer) -> Any:
        return orjson.Fragment(bytes(data))


set_json_dumps(orjson.dumps)

_PARSED = AdaptersMap(psycopg.adapters)
for _name in ("json", "jsonb", "varchar"):
    _PARSED.register_loader(_name, _JsonLoader)
# Not for `jsonb`, whose numbers PostgreSQL writes in another form than responses have.
_FOR_RESPONSES = AdaptersMap(_PARSED)
_FOR_RESPONSES.register_loader("uuid", TextLoader)
_FOR_RESPONSES.register_loader("varchar", _UnparsedJsonLoader)


class _Context(NamedTuple):
    connection: AsyncConnection[Any]
    adapters: AdaptersMap


def converter_of(
    driver: AsyncConnection[Any], *, is_for_response: bool = False
) -> abc.Transformer:
    """Return what converts the parameters and rows of a connection.

    If rows only go into a response, UUIDs stay text, and composed JSON is not parsed.
    """
    return Transformer(_Context(driver, _FOR_RESPONSES if is_for_response else _PARSED))


def rows_of(result: PGresult, converter: abc.Transformer) -> list[Row]:
    """Return the rows of a result."""
    names = [(result.fname(number) or b"").decode() for number in range(result.nfields)]
    converter.set_pgresult(result)
    # There are as many values as names, which zip() takes time to check.
    rows: list[Row] = converter.load_rows(
        0,
        result.ntuples,
        lambda values: dict(zip(names, values)),  # noqa: B905
    )
    converter.set_pgresult(None)
    return rows
