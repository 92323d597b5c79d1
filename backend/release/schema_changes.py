"""The changes between two schemas of OpenAPI 3.1.

Keywords that are not known here raise an error: what is overlooked would look compatible.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

Json = Mapping[str, Any]

_ANNOTATIONS = {"title", "description", "examples", "example", "deprecated", "discriminator"}
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_KNOWN = {
    *("type", "const", "enum", "format", "pattern", "default", "uniqueItems"),
    *("properties", "required", "additionalProperties", "propertyNames", "items"),
    *("contentMediaType", "contentEncoding", "contentSchema"),
    *_UPPER,
    *_LOWER,
}
_PREFIX = "#/components/schemas/"


class Change(NamedTuple):
    """One change, and whether it breaks clients."""

    is_breaking: bool
    where: str
    what: str

    def __str__(self) -> str:
        return f"{'breaking  ' if self.is_breaking else 'compatible'}  {self.where}: {self.what}"


class Document:
    """A description, whose references it follows."""

    def __init__(self, content: Json) -> None:
        self._schemas: Json = content.get("components", {}).get("schemas", {})

    def resolve(self, schema: Any) -> tuple[str | None, Json]:
        """Return the name of a referenced schema, if there is one, and the schema itself."""
        reference = schema.get("$ref") if isinstance(schema, Mapping) else None
        if reference is None:
            return None, {} if schema is True else schema
        name = reference.removeprefix(_PREFIX)
        return name, self._schemas[name]


def compare_schemas(
    where: str, before: Document, after: Document, old: Any, new: Any, *, is_request: bool
) -> Iterator[Change]:
    """Yield the changes of a schema. One with a name is reported under that name, once."""
    yield from _Comparison(before, after, is_request=is_request).compare(where, old, new)


class _Comparison:
    """Compares schemas of requests, which must accept as much as before, or of responses."""

    def __init__(self, before: Document, after: Document, *, is_request: bool) -> None:
        self._before = before
        self._after = after
        self._is_request = is_request
        self._seen: set[tuple[str | None, str | None]] = set()

    def compare(self, where: str, old: Any, new: Any) -> Iterator[Change]:
        names = self._before.resolve(old)[0], self._after.resolve(new)[0]
        if names != (None, None):
            if names in self._seen:  # it contains itself, or occurs again
                return
            self._seen.add(names)
        if names[0] is not None and names[0] == names[1]:
            where = f"{names[0]} in {'requests' if self._is_request else 'responses'}"
        yield from self._compare_kinds(
            where, dict(_kinds(self._before, old)), dict(_kinds(self._after, new))
        )

    def _compare_kinds(
        self, where: str, old: dict[str, Json], new: dict[str, Json]
    ) -> Iterator[Change]:
        """Compare the alternatives of `anyOf` and `oneOf`; most schemas have only one."""
        for kind in old.keys() - new.keys():
            yield Change(self._is_request, where, f"{kind} is no longer possible")
        for kind in new.keys() - old.keys():
            yield Change(not self._is_request, where, f"{kind} is now possible")
        for kind in old.keys() & new.keys():
            if "$ref" in old[kind] or "$ref" in new[kind]:
                yield from self.compare(f"{where}: {kind}", old[kind], new[kind])
            else:
                yield from self._compare_plain(where, old[kind], new[kind])

    def _compare_plain(self, where: str, old: Json, new: Json) -> Iterator[Change]:
        _check_keywords(where, old)
        _check_keywords(where, new)
        yield from self._compare_values(where, old, new)
        yield from self._compare_limits(where, old, new)
        yield from self._compare_forms(where, old, new)
        for name, suffix in (("items", "[]"), ("contentSchema", " decoded")):
            if name in old or name in new:
                yield from self.compare(where + suffix, old.get(name, {}), new.get(name, {}))
        yield from self._compare_objects(where, old, new)

    def _compare_values(self, where: str, old: Json, new: Json) -> Iterator[Change]:
        before, after = _values(old), _values(new)
        if before is None and after is None:
            return
        if before is None or after is None:
            is_narrower = before is None
            what = "only certain values are possible" if is_narrower else "any value is possible"
            yield Change(is_narrower == self._is_request, where, what)
            return
        for value in before - after:
            yield Change(self._is_request, where, f"the value {value} was removed")
        for value in after - before:
            yield Change(not self._is_request, where, f"the value {value} was added")

    def _compare_limits(self, where: str, old: Json, new: Json) -> Iterator[Change]:
        for names, absent, sign in ((_UPPER, float("inf"), 1), (_LOWER, float("-inf"), -1)):
            for name in names:
                before, after = old.get(name, absent), new.get(name, absent)
                if before != after:
                    is_narrower = after * sign < before * sign
                    yield Change(
                        is_narrower == self._is_request,
                        where,
                        f"{name} changed from {old.get(name)} to {new.get(name)}",
                    )
        before, after = old.get("uniqueItems", False), new.get("uniqueItems", False)
        if before != after:
            yield Change(after == self._is_request, where, f"uniqueItems is now {after}")

    def _compare_forms(self, where: str, old: Json, new: Json) -> Iterator[Change]:
        """Compare what is either the same or different: nothing tells which accepts more."""
        for name in ("pattern", "format", "contentMediaType", "contentEncoding"):
            before, after = old.get(name), new.get(name)
            if before != after:
                is_breaking = after is not None if self._is_request else before is not None
                yield Change(is_breaking, where, f"{name} changed from {before} to {after}")
        before, after = old.get("default"), new.get("default")
        if before != after:
            yield Change(
                self._is_request, where, f"the default changed from {before!r} to {after!r}"
            )

    def _compare_objects(self, where: str, old: Json, new: Json) -> Iterator[Change]:
        before, after = old.get("properties", {}), new.get("properties", {})
        needed_before, needed_after = set(old.get("required", ())), set(new.get("required", ()))
        for name in before.keys() | after.keys():
            place = f"{where}.{name}"
            if name not in after:
                # Requests with unknown fields are rejected.
                yield Change(True, place, "was removed")
            elif name not in before:
                is_breaking = self._is_request and name in needed_after
                yield Change(is_breaking, place, f"was added{', and is required' * is_breaking}")
            else:
                if self._is_request and name in needed_after - needed_before:
                    yield Change(True, place, "is now required")
                if not self._is_request and name in needed_before - needed_after:
                    yield Change(True, place, "is no longer always present")
                yield from self.compare(place, before[name], after[name])
        yield from self._compare_other_members(where, old, new)

    def _compare_other_members(self, where: str, old: Json, new: Json) -> Iterator[Change]:
        for name, absent in (("additionalProperties", True), ("propertyNames", True)):
            before, after = old.get(name, absent), new.get(name, absent)
            if False in (before, after):
                # That a response may have other fields now is compatible, as a new field is.
                if before is not after and self._is_request:
                    what = "accepted" if before is False else "rejected"
                    yield Change(after is False, where, f"other fields are now {what}")
            elif before != after or isinstance(before, Mapping):
                yield from self.compare(f"{where}.*", before, after)


def _kinds(document: Document, schema: Any) -> Iterator[tuple[str, Json]]:
    """Yield the alternatives of a schema, each with a name that the other description has, too."""
    name, resolved = document.resolve(schema)
    choices = resolved.get("anyOf") or resolved.get("oneOf")
    if choices:
        rest = {key: value for key, value in resolved.items() if key not in {"anyOf", "oneOf"}}
        _check_keywords(name or "a choice", rest, _ANNOTATIONS | {"default"})
        for choice in choices:
            inner, plain = document.resolve(choice)
            if inner is not None and not plain.keys() & {"anyOf", "oneOf"}:
                yield inner, choice
            else:
                yield from _kinds(document, choice)
        return
    types = resolved.get("type", "any value")
    for one in [types] if isinstance(types, str) else types:
        form = resolved.get("format")
        yield (one if form is None else f"{one} ({form})"), {**resolved, "type": one}


def _values(schema: Json) -> set[str] | None:
    if "const" in schema:
        return {repr(schema["const"])}
    return {repr(value) for value in schema["enum"]} if "enum" in schema else None


def _check_keywords(where: str, schema: Json, known: set[str] = _KNOWN | _ANNOTATIONS) -> None:
    unknown = {key for key in schema.keys() - known if not key.startswith("x-")}
    if unknown:
        raise ValueError(f"{where}: cannot compare {', '.join(sorted(unknown))}")
