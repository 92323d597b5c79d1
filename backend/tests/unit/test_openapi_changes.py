"""The comparison of two API descriptions, one kind of change at a time, and the check of releases."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from release.openapi_changes import compare

DOCS = Path(__file__).parents[3] / "docs"

Edit = Callable[[Any], Any]

BASE: dict[str, Any] = {
    "paths": {
        "/notes": {
            "get": {
                "operationId": "list_notes",
                "parameters": [
                    {"in": "query", "name": "limit", "schema": {"type": "integer", "maximum": 100}}
                ],
                "responses": {
                    "200": {
                        "headers": {"ETag": {"required": True, "schema": {"type": "string"}}},
                        "content": {
                            "application/json": {
                                "schema": {
                                    "type": "array",
                                    "items": {"$ref": "#/components/schemas/Note"},
                                }
                            }
                        },
                    },
                    "404": {},
                },
                "security": [{"token": ["notes:read"]}],
            },
            "post": {
                "operationId": "create_note",
                "requestBody": {
                    "content": {
                        "application/json": {"schema": {"$ref": "#/components/schemas/NewNote"}}
                    }
                },
                "responses": {"201": {}},
                "security": [{"token": ["notes:write"]}],
            },
        }
    },
    "components": {
        "schemas": {
            "NewNote": {
                "type": "object",
                "additionalProperties": False,
                "required": ["text"],
                "properties": {
                    "text": {"type": "string", "minLength": 1, "maxLength": 100},
                    "color": {"enum": ["red", "green"], "type": "string"},
                    "due": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
                    "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 10},
                    "size": {"type": "integer", "default": 1},
                    "replies": {
                        "type": "array",
                        "items": {"$ref": "#/components/schemas/NewNote"},
                    },
                },
            },
            "Note": {
                "type": "object",
                "required": ["id", "text", "state"],
                "properties": {
                    "id": {"type": "string", "format": "uuid"},
                    "text": {"type": "string", "maxLength": 100},
                    "state": {"enum": ["open", "done"], "type": "string"},
                    "by": {
                        "oneOf": [
                            {"$ref": "#/components/schemas/Person"},
                            {"$ref": "#/components/schemas/Robot"},
                        ]
                    },
                },
            },
            "Person": {"type": "object", "properties": {"name": {"type": "string"}}},
            "Robot": {"type": "object", "properties": {"model": {"type": "string"}}},
            "Group": {"type": "object", "properties": {"size": {"type": "integer"}}},
        }
    },
}


def new_note(document: Any) -> Any:
    return document["components"]["schemas"]["NewNote"]


def note(document: Any) -> Any:
    return document["components"]["schemas"]["Note"]


def get(document: Any) -> Any:
    return document["paths"]["/notes"]["get"]


def post(document: Any) -> Any:
    return document["paths"]["/notes"]["post"]


def changed(edit: Edit) -> dict[str, Any]:
    document = copy.deepcopy(BASE)
    edit(document)
    return document


NEW_PARAMETER = {"in": "query", "name": "sort", "schema": {"type": "string"}}
GROUP = {"$ref": "#/components/schemas/Group"}

BREAKING: dict[str, tuple[Edit, str]] = {
    "path removed": (
        lambda d: d["paths"].pop("/notes"),
        "GET /notes: was removed",
    ),
    "operation removed": (
        lambda d: d["paths"]["/notes"].pop("post"),
        "POST /notes: was removed",
    ),
    "operation renamed": (
        lambda d: get(d).update(operationId="all_notes"),
        "GET /notes: operationId changed, which names it in generated clients",
    ),
    "scope added": (
        lambda d: get(d).update(security=[{"token": ["notes:read", "more"]}]),
        "GET /notes: requires more authentication or scopes",
    ),
    "parameter removed": (
        lambda d: get(d)["parameters"].pop(),
        "GET /notes: query parameter limit: was removed",
    ),
    "required parameter added": (
        lambda d: get(d)["parameters"].append({**NEW_PARAMETER, "required": True}),
        "GET /notes: query parameter sort: was added, and is required",
    ),
    "parameter required": (
        lambda d: get(d)["parameters"][0].update(required=True),
        "GET /notes: query parameter limit: is now required",
    ),
    "parameter limit lowered": (
        lambda d: get(d)["parameters"][0]["schema"].update(maximum=50),
        "GET /notes: query parameter limit: maximum changed from 100 to 50",
    ),
    "request body required": (
        lambda d: post(d)["requestBody"].update(required=True),
        "POST /notes: request body: is now required",
    ),
    "request body removed": (
        lambda d: post(d).pop("requestBody"),
        "POST /notes: request body: was removed",
    ),
    "media type removed": (
        lambda d: get(d)["responses"]["200"].update(content={"text/csv": {}}),
        "GET /notes: response 200: application/json was removed",
    ),
    "success removed": (
        lambda d: post(d)["responses"].pop("201"),
        "POST /notes: response 201: was removed",
    ),
    "success added": (
        lambda d: post(d)["responses"].update({"202": {}}),
        "POST /notes: response 202: was added",
    ),
    "header removed": (
        lambda d: get(d)["responses"]["200"]["headers"].pop("ETag"),
        "GET /notes: response 200: header ETag: was removed",
    ),
    "header optional": (
        lambda d: get(d)["responses"]["200"]["headers"]["ETag"].update(required=False),
        "GET /notes: response 200: header ETag: is no longer always sent",
    ),
    "request field removed": (
        lambda d: new_note(d)["properties"].pop("color"),
        "NewNote in requests.color: was removed",
    ),
    "required request field added": (
        lambda d: (
            new_note(d)["properties"].update(title={"type": "string"}),
            new_note(d)["required"].append("title"),
        ),
        "NewNote in requests.title: was added, and is required",
    ),
    "request field required": (
        lambda d: new_note(d)["required"].append("size"),
        "NewNote in requests.size: is now required",
    ),
    "request type changed": (
        lambda d: new_note(d)["properties"]["size"].update(type="string"),
        "NewNote in requests.size: integer is no longer possible",
    ),
    "null no longer accepted": (
        lambda d: new_note(d)["properties"]["due"]["anyOf"].pop(),
        "NewNote in requests.due: null is no longer possible",
    ),
    "request format changed": (
        lambda d: new_note(d)["properties"]["due"]["anyOf"][0].update(format="date-time"),
        "NewNote in requests.due: string (date) is no longer possible",
    ),
    "request value removed": (
        lambda d: new_note(d)["properties"]["color"].update(enum=["red"]),
        "NewNote in requests.color: the value 'green' was removed",
    ),
    "request values listed": (
        lambda d: new_note(d)["properties"]["text"].update(enum=["a"]),
        "NewNote in requests.text: only certain values are possible",
    ),
    "request length lowered": (
        lambda d: new_note(d)["properties"]["text"].update(maxLength=50),
        "NewNote in requests.text: maxLength changed from 100 to 50",
    ),
    "request length raised at the low end": (
        lambda d: new_note(d)["properties"]["text"].update(minLength=2),
        "NewNote in requests.text: minLength changed from 1 to 2",
    ),
    "request limit introduced": (
        lambda d: new_note(d)["properties"]["size"].update(maximum=5),
        "NewNote in requests.size: maximum changed from None to 5",
    ),
    "fewer items accepted": (
        lambda d: new_note(d)["properties"]["tags"].update(maxItems=5),
        "NewNote in requests.tags: maxItems changed from 10 to 5",
    ),
    "items must differ": (
        lambda d: new_note(d)["properties"]["tags"].update(uniqueItems=True),
        "NewNote in requests.tags: uniqueItems is now True",
    ),
    "items of another type": (
        lambda d: new_note(d)["properties"]["tags"]["items"].update(type="integer"),
        "NewNote in requests.tags[]: string is no longer possible",
    ),
    "pattern introduced": (
        lambda d: new_note(d)["properties"]["text"].update(pattern="^a"),
        "NewNote in requests.text: pattern changed from None to ^a",
    ),
    "default changed": (
        lambda d: new_note(d)["properties"]["size"].update(default=2),
        "NewNote in requests.size: the default changed from 1 to 2",
    ),
    "response field removed": (
        lambda d: note(d)["properties"].pop("by"),
        "Note in responses.by: was removed",
    ),
    "response field optional": (
        lambda d: note(d).update(required=["id", "text"]),
        "Note in responses.state: is no longer always present",
    ),
    "response type changed": (
        lambda d: note(d)["properties"].update(text={"type": "integer"}),
        "Note in responses.text: integer is now possible",
    ),
    "null in a response": (
        lambda d: note(d)["properties"].update(
            text={"anyOf": [{"type": "string", "maxLength": 100}, {"type": "null"}]}
        ),
        "Note in responses.text: null is now possible",
    ),
    "response value added": (
        lambda d: note(d)["properties"]["state"]["enum"].append("late"),
        "Note in responses.state: the value 'late' was added",
    ),
    "response alternative added": (
        lambda d: note(d)["properties"]["by"]["oneOf"].append(GROUP),
        "Note in responses.by: Group is now possible",
    ),
    "response length raised": (
        lambda d: note(d)["properties"]["text"].update(maxLength=200),
        "Note in responses.text: maxLength changed from 100 to 200",
    ),
    "response limit removed": (
        lambda d: note(d)["properties"]["text"].pop("maxLength"),
        "Note in responses.text: maxLength changed from 100 to None",
    ),
    "response format changed": (
        lambda d: note(d)["properties"]["id"].pop("format"),
        "Note in responses.id: string is now possible",
    ),
    "change inside of an alternative": (
        lambda d: d["components"]["schemas"]["Robot"]["properties"].pop("model"),
        "Robot in responses.model: was removed",
    ),
}

COMPATIBLE: dict[str, Edit] = {
    "path added": lambda d: d["paths"].update({"/more": {"get": get(d)}}),
    "scope no longer needed": lambda d: get(d).update(security=[{"token": []}]),
    "optional parameter added": lambda d: get(d)["parameters"].append(NEW_PARAMETER),
    "error added": lambda d: post(d)["responses"].update({"409": {}}),
    "error removed": lambda d: get(d)["responses"].pop("404"),
    "optional request field added": lambda d: new_note(d)["properties"].update(a={}),
    "request field optional": lambda d: new_note(d).update(required=[]),
    "other request fields accepted": lambda d: new_note(d).update(additionalProperties=True),
    "request value added": lambda d: new_note(d)["properties"]["color"]["enum"].append("blue"),
    "request length raised": lambda d: new_note(d)["properties"]["text"].update(maxLength=200),
    "response field added": lambda d: note(d)["properties"].update(a={"type": "string"}),
    "response value removed": lambda d: note(d)["properties"]["state"].update(enum=["open"]),
    "response length lowered": lambda d: note(d)["properties"]["text"].update(maxLength=50),
    "response alternative removed": lambda d: note(d)["properties"]["by"]["oneOf"].pop(),
    "description changed": lambda d: note(d).update(description="A note."),
}


@pytest.mark.parametrize("kind", BREAKING)
def test_breaking_change_is_reported_where_it_is(kind: str) -> None:
    edit, expected = BREAKING[kind]

    found = [
        f"{where}: {what}"
        for is_breaking, where, what in compare(BASE, changed(edit))
        if is_breaking
    ]

    assert expected in found
    assert len(found) <= 2  # of a path with two operations; of nothing else


@pytest.mark.parametrize("kind", COMPATIBLE)
def test_compatible_change_breaks_nothing(kind: str) -> None:
    assert not [
        change for change in compare(BASE, changed(COMPATIBLE[kind])) if change.is_breaking
    ]


def test_unknown_keyword_is_an_error() -> None:
    edited = changed(lambda d: note(d)["properties"]["text"].update({"not": {}}))

    with pytest.raises(ValueError, match=r"Note in responses\.text: cannot compare not"):
        compare(edited, edited)


def test_our_own_description_can_be_compared() -> None:
    ours = yaml.load((DOCS / "openapi.yaml").read_text(), yaml.CSafeLoader)

    assert compare(ours, ours) == []
    del ours["components"]["schemas"]["TaskRead"]["properties"]["title"]
    before = yaml.load((DOCS / "openapi.yaml").read_text(), yaml.CSafeLoader)
    assert [str(change) for change in compare(before, ours)] == [
        "breaking    TaskRead in responses.title: was removed"
    ]
