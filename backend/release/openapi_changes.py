"""The changes between two OpenAPI descriptions, and which of them break clients.

A request breaks if the new description accepts less than the old one, a response if it may contain
more kinds of values. docs/decisions/0039-releases.md has the rules that others might decide otherwise.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from release.schema_changes import Change, Document, compare_schemas

Json = Mapping[str, Any]

_METHODS = ("get", "head", "post", "put", "patch", "delete", "options", "trace")


class _Pair(NamedTuple):
    old: Document
    new: Document


def compare(old: Json, new: Json) -> list[Change]:
    """Return all changes that a client may notice, those that break clients first."""
    documents = _Pair(Document(old), Document(new))
    before, after = _operations(old), _operations(new)
    changes = [Change(True, name, "was removed") for name in before.keys() - after.keys()]
    changes += [Change(False, name, "was added") for name in after.keys() - before.keys()]
    for name in before.keys() & after.keys():
        changes += _compare_operations(name, documents, before[name], after[name])
    return sorted(set(changes), key=lambda change: (not change.is_breaking, *change[1:]))


def _operations(document: Json) -> dict[str, Json]:
    return {
        f"{method.upper()} {path}": {
            **operation,
            "parameters": [*item.get("parameters", ()), *operation.get("parameters", ())],
            "security": operation.get("security", document.get("security", [])),
        }
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in _METHODS
    }


def _compare_operations(name: str, documents: _Pair, old: Json, new: Json) -> Iterator[Change]:
    if old["operationId"] != new["operationId"]:
        yield Change(True, name, "operationId changed, which names it in generated clients")
    yield from _compare_security(name, old["security"], new["security"])
    yield from _compare_parameters(name, documents, old["parameters"], new["parameters"])
    yield from _compare_bodies(name, documents, old.get("requestBody"), new.get("requestBody"))
    yield from _compare_responses(name, documents, old["responses"], new["responses"])


def _compare_security(name: str, old: list[Json], new: list[Json]) -> Iterator[Change]:
    """A client that meets one of the old alternatives must meet one of the new ones."""

    def needs(alternative: Json) -> set[tuple[str, str]]:
        return {(scheme, one) for scheme, scopes in alternative.items() for one in ("", *scopes)}

    ways = [needs(alternative) for alternative in new] or [set()]
    for alternative in old or [{}]:
        if not any(way <= needs(alternative) for way in ways):
            yield Change(True, name, "requires more authentication or scopes")


def _compare_parameters(
    name: str, documents: _Pair, old: list[Json], new: list[Json]
) -> Iterator[Change]:
    before = {(one["in"], one["name"]): one for one in old}
    after = {(one["in"], one["name"]): one for one in new}
    for key in before.keys() | after.keys():
        place = f"{name}: {key[0]} parameter {key[1]}"
        if key not in after:
            yield Change(True, place, "was removed")
        elif key not in before:
            is_required = after[key].get("required", False)
            yield Change(is_required, place, f"was added{', and is required' * is_required}")
        else:
            if after[key].get("required", False) and not before[key].get("required", False):
                yield Change(True, place, "is now required")
            schemas = before[key]["schema"], after[key]["schema"]
            yield from compare_schemas(place, *documents, *schemas, is_request=True)


def _compare_bodies(
    name: str, documents: _Pair, old: Json | None, new: Json | None
) -> Iterator[Change]:
    place = f"{name}: request body"
    if old is None or new is None:
        if old is not None:
            yield Change(True, place, "was removed")
        elif new is not None:
            is_required = new.get("required", False)
            yield Change(is_required, place, f"was added{', and is required' * is_required}")
        return
    if new.get("required", False) and not old.get("required", False):
        yield Change(True, place, "is now required")
    yield from _compare_contents(place, documents, old["content"], new["content"], is_request=True)


def _compare_responses(name: str, documents: _Pair, old: Json, new: Json) -> Iterator[Change]:
    for status in old.keys() | new.keys():
        place = f"{name}: response {status}"
        # Clients must expect any error; a success that they do not know stops generated ones.
        is_success = status.startswith("2")
        if status not in new:
            yield Change(is_success, place, "was removed")
        elif status not in old:
            yield Change(is_success, place, "was added")
        else:
            contents = old[status].get("content", {}), new[status].get("content", {})
            yield from _compare_contents(place, documents, *contents, is_request=False)
            headers = old[status].get("headers", {}), new[status].get("headers", {})
            yield from _compare_headers(place, documents, *headers)


def _compare_contents(
    place: str, documents: _Pair, old: Json, new: Json, *, is_request: bool
) -> Iterator[Change]:
    for media_type in old.keys() | new.keys():
        if media_type not in new:
            yield Change(True, place, f"{media_type} was removed")
        elif media_type not in old:
            yield Change(not is_request and not old, place, f"{media_type} was added")
        else:
            schemas = old[media_type].get("schema", {}), new[media_type].get("schema", {})
            yield from compare_schemas(place, *documents, *schemas, is_request=is_request)


def _compare_headers(place: str, documents: _Pair, old: Json, new: Json) -> Iterator[Change]:
    for header in old.keys() | new.keys():
        where = f"{place}: header {header}"
        if header not in new:
            yield Change(True, where, "was removed")
        elif header not in old:
            yield Change(False, where, "was added")
        else:
            if old[header].get("required", False) and not new[header].get("required", False):
                yield Change(True, where, "is no longer always sent")
            schemas = old[header]["schema"], new[header]["schema"]
            yield from compare_schemas(where, *documents, *schemas, is_request=False)
