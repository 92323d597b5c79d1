"""The model: the expected state of each user, in a few dictionaries."""

import unicodedata
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from duly.records.types import ResourceType
from duly.services.resource_types import OPERATIONS
from tests.model.special import ACTIONS, PARTS, STAYING, TIMES
from tests.support.resources import required_references, sorts_of, stored_fields

Body = dict[str, Any]


class Refused(Exception):
    """The service must refuse the request, with this status and code."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(status, code)
        self.status, self.code = status, code


NOT_FOUND = (404, "NOT_FOUND")
STALE = (412, "PRECONDITION_FAILED")
TAKEN = (409, "ID_TAKEN")
NAME_TAKEN = (409, "NAME_TAKEN")
UNKNOWN_REFERENCE = (400, "VALIDATION_ERROR")


def cleaned(value: Any) -> Any:
    """Return a value, or all values of a body, as they are stored: texts trimmed and in NFC."""
    match value:
        case str():
            return unicodedata.normalize("NFC", value.strip())
        case dict():
            return {name: cleaned(item) for name, item in value.items()}
        case list():
            return [cleaned(item) for item in value]
    return value


class Condition(Protocol):
    """An `If-Match`, or what stands for it in a batch."""

    def fits(self, version: int) -> bool: ...


@dataclass
class Resource:
    """A resource. Ids and times that only the service can know are taken from its responses."""

    kind: ResourceType
    id: str
    fields: Body
    creation: Body | None
    """The fields that it was created with, if the client chose its id."""
    version: int = 0
    is_trashed: bool = False
    trashed_with: int = 0
    """The number of the deletion that took it to the trash."""
    position: str = ""
    times: dict[str, str | None] = field(default_factory=dict)
    """The last known times, without those that have changed since the last response."""

    def __deepcopy__(self, memo: Body) -> "Resource":
        return replace(self, fields=dict(self.fields), times=dict(self.times))

    def adopt(self, received: Body) -> None:
        """Check that the known times are unchanged, and remember those of a response."""
        self.position = received.get("position", "")
        for name, value in received.items():
            if name.endswith("_at") and name not in self.fields:
                assert self.times.get(name) in (None, value), (name, self.times, received)
                self.times[name] = value
                if flag := TIMES.get((self.kind.name, name)):
                    assert (value is not None) == received[flag]

    def set(self, fields: Body) -> None:
        """Set fields, and forget the times that change with them."""
        for name in list(self.times):
            flag = TIMES.get((self.kind.name, name))
            is_kept = flag and fields.get(flag, self.fields[flag]) == self.fields[flag]
            if name != "created_at" and not is_kept:
                del self.times[name]
        self.fields |= fields

    def shown(self, user_id: str) -> Body:
        """What a response must show."""
        return {"id": self.id, "user_id": user_id, "version": self.version, **self.fields}


@dataclass
class Session:
    """A sign-in. `spent` are used refresh tokens, each with its successor and when it was used."""

    id: str
    access: str
    refresh: str
    spent: list[tuple[str, str, float]] = field(default_factory=list)


@dataclass
class Stored:
    """The request and the response under an idempotency key."""

    body: Any
    status: int
    content: bytes


def _no_resources() -> dict[str, dict[str, Resource]]:
    return {name: {} for name in OPERATIONS}


@dataclass
class UserState:
    """Everything that the service should hold of one user."""

    id: str
    email: str
    password: str
    name: str | None
    timezone: str = "UTC"
    revision: int = 0
    resources: dict[str, dict[str, Resource]] = field(default_factory=_no_resources)
    """Resources by the name of their type and by id."""
    sessions: dict[str, Session] = field(default_factory=dict)
    ended: list[Session] = field(default_factory=list)
    keys: dict[tuple[str, str], Stored] = field(default_factory=dict)
    copy: dict[tuple[str, str], Body] = field(default_factory=dict)
    """What a device holds that only syncs, by type and id."""
    token: str | None = None

    def draft(self) -> "UserState":
        """A copy to play a batch on, without sessions and keys."""
        resources = deepcopy(self.resources)
        return replace(self, resources=resources, sessions={}, ended=[], keys={}, copy={})

    @property
    def ids(self) -> list[str]:
        """The ids of all resources, those in the trash included."""
        return [resource_id for of_type in self.resources.values() for resource_id in of_type]

    def those(self, kind: ResourceType, *, are_trashed: bool) -> list[Resource]:
        """The resources of a type, either live or in the trash."""
        found = self.resources[kind.name].values()
        return [resource for resource in found if resource.is_trashed == are_trashed]

    def end(self, session_id: str) -> None:
        """End a session."""
        self.ended.append(self.sessions.pop(session_id))

    def find(
        self,
        kind: ResourceType,
        resource_id: str,
        condition: Condition,
        *,
        finds_trashed: bool = False,
    ) -> Resource:
        """A resource that satisfies a condition. Raise `Refused` if there is none."""
        resource = self.resources[kind.name].get(resource_id)
        if resource is None or (resource.is_trashed and not finds_trashed):
            raise Refused(*NOT_FOUND)
        if not condition.fits(resource.version):
            raise Refused(*STALE)
        return resource

    def create(self, kind: ResourceType, body: Body, new_id: str | None) -> tuple[Resource, bool]:
        """Create a resource. `new_id` is the service's choice if the client sent no id."""
        client_id = body.get("id")
        fields = _stored(kind, body)
        found = self.resources[kind.name].get(client_id) if client_id else None
        if found is not None:
            if found.creation != fields:
                raise Refused(*TAKEN)
            if found.is_trashed and not kind.has_trash:
                self._check_references(kind, fields)
            return found, False
        self._check_references(kind, fields)
        self._check_name(kind, fields, None)
        creation = dict(fields) if client_id else None
        resource = Resource(kind, client_id or str(new_id), fields, creation)
        self.resources[kind.name][resource.id] = resource
        self._bump(resource)
        return resource, True

    def _check_references(self, kind: ResourceType, fields: Body) -> None:
        for name, other in required_references(kind).items():
            referred = self.resources[other.name].get(fields[name])
            if referred is None or referred.is_trashed:
                raise Refused(*UNKNOWN_REFERENCE)

    def _check_name(self, kind: ResourceType, fields: Body, own: Resource | None) -> None:
        if not kind.has_unique_name or "name" not in fields:
            return
        name = cleaned(fields["name"]).casefold()
        for other in self.resources[kind.name].values():
            if other is not own and other.fields["name"].casefold() == name:
                raise Refused(*NAME_TAKEN)

    def replace(self, resource: Resource, body: Body) -> None:
        """Set all fields that can be set, except for what stays if it is absent."""
        fields = _stored(resource.kind, {**resource.fields, **body})
        absent = {*fields} - {*body} - {*STAYING.get(resource.kind.name, ())}
        defaults = _stored(resource.kind, body)
        fixed = required_references(resource.kind)
        changes = {name: defaults[name] if name in absent else fields[name] for name in fields}
        self.change(resource, {name: changes[name] for name in changes if name not in fixed})

    def change(self, resource: Resource, changes: Body) -> None:
        """Set some fields. Without any, nothing changes."""
        staying = STAYING.get(resource.kind.name, ())
        if all(name in staying and resource.fields[name] == changes[name] for name in changes):
            return
        self._check_name(resource.kind, changes, resource)
        resource.set(cleaned(changes))
        self._bump(resource)

    def act(
        self, kind: ResourceType, action: str, resource_id: str, condition: Condition
    ) -> Resource:
        """Run an action of a resource. Repeating it changes nothing."""
        is_restore = action == "restore"
        resource = self.find(kind, resource_id, condition, finds_trashed=is_restore)
        if is_restore:
            if resource.is_trashed:
                deletion = resource.trashed_with
                parts = [one for one in self._parts_of(resource) if one.trashed_with == deletion]
                for one in (*parts, resource):
                    one.is_trashed, one.trashed_with = False, 0
                    one.times.pop("trashed_at", None)
                    self._bump(one)
        elif not ACTIONS[kind.name, action].items() <= resource.fields.items():
            self.change(resource, ACTIONS[kind.name, action])
        return resource

    def delete(
        self,
        kind: ResourceType,
        resource_id: str,
        condition: Condition,
        *,
        is_permanent: bool = False,
    ) -> None:
        """Move a resource to the trash; delete it if that is wanted or there is no trash."""
        is_permanent = is_permanent or not kind.has_trash
        finds_trashed = (is_permanent and kind.has_trash) or not kind.is_trashable
        resource = self.find(kind, resource_id, condition, finds_trashed=finds_trashed)
        together = [*self._parts_of(resource), resource]
        if is_permanent:
            for one in together:
                self.revision += 1
                del self.resources[one.kind.name][one.id]
            return
        deletion = self.revision + 1
        for one in together:
            if not one.is_trashed:
                one.is_trashed, one.trashed_with = True, deletion
                one.times.pop("trashed_at", None)
                self._bump(one)

    def _parts_of(self, resource: Resource) -> list[Resource]:
        """What is in a resource, by id: a write changes it in this order, and the resource last."""
        if resource.kind.name not in PARTS:
            return []
        part, field = PARTS[resource.kind.name]
        found = self.resources[part].values()
        return sorted(
            (one for one in found if one.fields[field] == resource.id), key=lambda one: one.id
        )

    def _bump(self, resource: Resource) -> None:
        self.revision += 1
        resource.version = self.revision

    def listed(self, kind: ResourceType, query: Body) -> list[Resource]:
        """The resources of a list in their order, all pages together."""
        filters = {name: query[name] for name in kind.fields if name in query}
        resources = [
            resource
            for resource in self.those(kind, are_trashed=query.get("is_trashed", False))
            if filters.items() <= resource.fields.items()
            and fits_words(_searched(resource), query.get("q"))
        ]
        sort = query.get("sort", sorts_of(kind)[0])
        name = sort.removeprefix("-")

        is_descending = sort.startswith("-")

        def value_of(resource: Resource) -> Any:
            if name == "position":
                return resource.position.encode()
            value = resource.fields[name] if name in kind.fields else resource.times[name]
            if isinstance(value, dict):  # a day; all day comes last in it
                return value["date"], value["time"] or ("" if is_descending else "24:00")
            if name in kind.fields:
                return value.encode() if isinstance(value, str) else value
            return None if value is None else datetime.fromisoformat(value)

        with_value = [one for one in resources if value_of(one) is not None]
        without = [one for one in resources if value_of(one) is None]
        with_value.sort(key=lambda one: (value_of(one), one.id), reverse=is_descending)
        without.sort(key=lambda one: one.id, reverse=is_descending)
        return [*with_value, *without]


def _stored(kind: ResourceType, body: Body) -> Body:
    """The fields after a create or a replacement with `body`: absent ones have their defaults."""
    sent = {name: value for name, value in body.items() if name != "id"}
    return {**stored_fields(kind, sent), **cleaned(sent)}


def _searched(resource: Resource) -> str:
    long_fields = sorted(resource.kind.long_fields - {"metadata"})
    return " ".join(str(resource.fields[name] or "") for name in long_fields)


@dataclass(frozen=True)
class Match:
    """An `If-Match`: its kind, from which its header and its result follow."""

    kind: str | None

    def header(self, version: int) -> str | None:
        return {
            None: None,
            "any": "*",
            "current": f'"{version}"',
            "among others": f'"{version + 7}", "{version}"',
            "stale": f'"{version - 1}"',
            "weak": f'W/"{version}"',
            "no version": f'"{version}x"',
        }[self.kind]

    def fits(self, _: int) -> bool:
        return self.kind in (None, "any", "current", "among others")


@dataclass(frozen=True)
class Exactly:
    """The version that an operation of a batch requires."""

    version: int

    def fits(self, version: int) -> bool:
        return version == self.version


ANY = Match(None)


def fits_words(text: str, query: str | None) -> bool:
    """Whether a text has all words, the last one by its beginning, and none after a minus."""
    words = _plain(text).split()
    searched = _plain(query or "").split()
    excluded = {word.removeprefix("-") for word in searched if word.startswith("-")}
    wanted = [word for word in searched if not word.startswith("-")]
    return (
        excluded.isdisjoint(words)
        and set(wanted[:-1]) <= set(words)
        and all(any(word.startswith(last) for word in words) for last in wanted[-1:])
    )


def _plain(text: str) -> str:
    """The text without case and accents."""
    return "".join(
        character
        for character in unicodedata.normalize("NFD", text)
        if not unicodedata.combining(character)
    ).casefold()
