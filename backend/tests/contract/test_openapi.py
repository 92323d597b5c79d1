"""The schema: valid, complete, stable, and written down."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from openapi_spec_validator import validate

from duly import cli
from duly.core import errors
from duly.core.scopes import SCOPE_DESCRIPTIONS
from duly.schemas.errors import ErrorEnvelope
from duly.services.resource_types import RESOURCE_TYPES
from tests.support.operations import Operation, operations_of, whole_schema

WRITTEN = Path(__file__).parents[3] / "docs" / "openapi.yaml"

# Clients are generated with these names: to change one is to break them.
OPERATIONS = {
    "register": "POST /api/v1/auth/register",
    "login": "POST /api/v1/auth/login",
    "login_with_form": "POST /api/v1/auth/token",
    "begin_passkey_sign_in": "POST /api/v1/auth/passkey",
    "finish_sign_in": "POST /api/v1/auth/factor",
    "list_sign_in_providers": "GET /api/v1/auth/oidc",
    "begin_sign_in": "GET /api/v1/auth/oidc/{provider}",
    "exchange_sign_in_code": "POST /api/v1/auth/oidc/exchange",
    "refresh": "POST /api/v1/auth/refresh",
    "request_password_reset": "POST /api/v1/auth/password/forgot",
    "reset_password": "POST /api/v1/auth/password/reset",
    "verify_email": "POST /api/v1/auth/email/verify",
    "resend_verification": "POST /api/v1/auth/email/resend",
    "logout": "POST /api/v1/auth/logout",
    "list_sessions": "GET /api/v1/auth/sessions",
    "end_all_sessions": "DELETE /api/v1/auth/sessions",
    "end_session": "DELETE /api/v1/auth/sessions/{session_id}",
    "get_public_keys": "GET /.well-known/jwks.json",
    "get_me": "GET /api/v1/users/me",
    "update_me": "PATCH /api/v1/users/me",
    "change_password": "PUT /api/v1/users/me/password",
    "delete_me": "DELETE /api/v1/users/me",
    "list_security_events": "GET /api/v1/users/me/security-events",
    "list_factors": "GET /api/v1/users/me/factors",
    "enroll_factor": "POST /api/v1/users/me/factors",
    "confirm_factor": "POST /api/v1/users/me/factors/{factor_id}/confirm",
    "remove_factor": "DELETE /api/v1/users/me/factors/{factor_id}",
    "replace_recovery_codes": "POST /api/v1/users/me/factors/recovery-codes",
    "export_me": "GET /api/v1/users/me/export",
    "list_api_tokens": "GET /api/v1/users/me/tokens",
    "create_api_token": "POST /api/v1/users/me/tokens",
    "delete_api_token": "DELETE /api/v1/users/me/tokens/{token_id}",
    "create_task": "POST /api/v1/tasks",
    "add_task_from_text": "POST /api/v1/tasks/quick",
    "list_tasks": "GET /api/v1/tasks",
    "get_task": "GET /api/v1/tasks/{task_id}",
    "replace_task": "PUT /api/v1/tasks/{task_id}",
    "update_task": "PATCH /api/v1/tasks/{task_id}",
    "delete_task": "DELETE /api/v1/tasks/{task_id}",
    "complete_task": "POST /api/v1/tasks/{task_id}/complete",
    "skip_task": "POST /api/v1/tasks/{task_id}/skip",
    "reopen_task": "POST /api/v1/tasks/{task_id}/reopen",
    "restore_task": "POST /api/v1/tasks/{task_id}/restore",
    "move_task": "POST /api/v1/tasks/{task_id}/move",
    "create_list": "POST /api/v1/lists",
    "list_lists": "GET /api/v1/lists",
    "get_list": "GET /api/v1/lists/{list_id}",
    "replace_list": "PUT /api/v1/lists/{list_id}",
    "update_list": "PATCH /api/v1/lists/{list_id}",
    "delete_list": "DELETE /api/v1/lists/{list_id}",
    "restore_list": "POST /api/v1/lists/{list_id}/restore",
    "move_list": "POST /api/v1/lists/{list_id}/move",
    "create_section": "POST /api/v1/sections",
    "list_sections": "GET /api/v1/sections",
    "get_section": "GET /api/v1/sections/{section_id}",
    "replace_section": "PUT /api/v1/sections/{section_id}",
    "update_section": "PATCH /api/v1/sections/{section_id}",
    "delete_section": "DELETE /api/v1/sections/{section_id}",
    "move_section": "POST /api/v1/sections/{section_id}/move",
    "create_label": "POST /api/v1/labels",
    "list_labels": "GET /api/v1/labels",
    "get_label": "GET /api/v1/labels/{label_id}",
    "replace_label": "PUT /api/v1/labels/{label_id}",
    "update_label": "PATCH /api/v1/labels/{label_id}",
    "delete_label": "DELETE /api/v1/labels/{label_id}",
    "move_label": "POST /api/v1/labels/{label_id}/move",
    "create_filter": "POST /api/v1/filters",
    "list_filters": "GET /api/v1/filters",
    "get_filter": "GET /api/v1/filters/{filter_id}",
    "replace_filter": "PUT /api/v1/filters/{filter_id}",
    "update_filter": "PATCH /api/v1/filters/{filter_id}",
    "delete_filter": "DELETE /api/v1/filters/{filter_id}",
    "move_filter": "POST /api/v1/filters/{filter_id}/move",
    "run_batch": "POST /api/v1/batch",
    "sync_changes": "GET /api/v1/sync",
    "stream_events": "GET /api/v1/events",
    "check_liveness": "GET /health/live",
    "check_readiness": "GET /health/ready",
}
# The same routes under the caller's id: served, but not in the schema.
ALIASES = {
    "create_user_task": "POST /api/v1/users/{user_id}/tasks",
    "add_user_task_from_text": "POST /api/v1/users/{user_id}/tasks/quick",
    "list_user_tasks": "GET /api/v1/users/{user_id}/tasks",
    "get_user_task": "GET /api/v1/users/{user_id}/tasks/{task_id}",
    "replace_user_task": "PUT /api/v1/users/{user_id}/tasks/{task_id}",
    "update_user_task": "PATCH /api/v1/users/{user_id}/tasks/{task_id}",
    "delete_user_task": "DELETE /api/v1/users/{user_id}/tasks/{task_id}",
    "complete_user_task": "POST /api/v1/users/{user_id}/tasks/{task_id}/complete",
    "skip_user_task": "POST /api/v1/users/{user_id}/tasks/{task_id}/skip",
    "reopen_user_task": "POST /api/v1/users/{user_id}/tasks/{task_id}/reopen",
    "restore_user_task": "POST /api/v1/users/{user_id}/tasks/{task_id}/restore",
    "move_user_task": "POST /api/v1/users/{user_id}/tasks/{task_id}/move",
}
OF_TYPES = "|".join(kind.name for kind in RESOURCE_TYPES)
LINKS = {"request_password_reset", "reset_password", "verify_email"}
PROVIDERS = {"list_sign_in_providers", "begin_sign_in"}
OPEN = {
    "register",
    "login",
    "login_with_form",
    "finish_sign_in",
    "begin_passkey_sign_in",
    "refresh",
    "exchange_sign_in_code",
    *PROVIDERS,
    *LINKS,
    "get_public_keys",
    "check_liveness",
    "check_readiness",
}
SIGN_IN = {"register", "login", "login_with_form", "finish_sign_in", "refresh"}
REPEATABLE = {
    "create_task",
    "create_user_task",
    "add_task_from_text",
    "add_user_task_from_text",
    "create_list",
    "create_section",
    "create_label",
    "create_filter",
    "run_batch",
}
NAMING = {"create_label", "replace_label", "update_label"}
"""What can take a name that another label has."""
# What can change more than one resource.
WIDE = {
    "run_batch",
    *(
        f"{verb}_{name}"
        for name in ("task", "user_task")
        for verb in (
            "replace",
            "update",
            "delete",
            "move",
            "complete",
            "skip",
            "reopen",
            "restore",
        )
    ),
    "delete_list",
    "restore_list",
    "delete_section",
    "delete_label",
}
CONFLICTS = {"register", "update_me", "verify_email", *REPEATABLE, *NAMING, *WIDE}
SYNC = {"sync_changes", "stream_events"}
# What can be answered without an error in more than one way.
ANSWERS = {
    "create_task": {"200", "201"},
    "create_user_task": {"200", "201"},
    "add_task_from_text": {"200", "201"},
    "add_user_task_from_text": {"200", "201"},
    "list_tasks": {"200", "304"},
    "list_user_tasks": {"200", "304"},
    "get_task": {"200", "304"},
    "get_user_task": {"200", "304"},
    **{
        name: statuses
        for kind in ("list", "section", "label", "filter")
        for name, statuses in {
            f"create_{kind}": {"200", "201"},
            f"list_{kind}s": {"200", "304"},
            f"get_{kind}": {"200", "304"},
        }.items()
    },
}

READ_ALL = ["account:read", "tasks:read"]

# The error table of the contract.
CODES = {
    400: {"VALIDATION_ERROR"},
    401: {"SECOND_FACTOR_REQUIRED", "UNAUTHENTICATED"},
    403: {
        "EMAIL_NOT_VERIFIED",
        "FORBIDDEN",
        "INSUFFICIENT_SCOPE",
        "LOCAL_ACCOUNTS_DISABLED",
        "QUOTA_EXCEEDED",
        "RECENT_SIGN_IN_REQUIRED",
        "REGISTRATION_CLOSED",
    },
    404: {"NOT_FOUND"},
    408: {"REQUEST_TIMEOUT"},
    409: {
        "EMAIL_TAKEN",
        "ID_TAKEN",
        "IDEMPOTENCY_IN_FLIGHT",
        "NAME_TAKEN",
        "TOO_MANY_CHANGES",
    },
    410: {"SYNC_TOKEN_EXPIRED"},
    412: {"PRECONDITION_FAILED"},
    413: {"PAYLOAD_TOO_LARGE"},
    415: {"UNSUPPORTED_MEDIA_TYPE"},
    422: {"IDEMPOTENCY_MISMATCH"},
    428: {"PRECONDITION_REQUIRED"},
    429: {"RATE_LIMITED"},
    500: {"INTERNAL_ERROR"},
    503: {"MAIL_NOT_CONFIGURED", "PASSKEYS_NOT_CONFIGURED", "SERVICE_UNAVAILABLE"},
}


def expected_errors(operation: Operation) -> set[int]:
    """The statuses that an operation can answer with, by what it is."""
    statuses = {400, 413, 500, 503}
    if operation.id not in OPEN:
        statuses |= {401, 403, 429}
    if operation.id in SIGN_IN:
        statuses |= {403, 429} if operation.id == "register" else {401, 403, 429}
    if operation.id == "exchange_sign_in_code":
        statuses |= {401, 403, 429}
    if operation.id in {*LINKS, "begin_passkey_sign_in"}:
        statuses |= {403}
    if operation.id in {*LINKS, "begin_passkey_sign_in"} - {"verify_email"}:
        statuses |= {429}
    if operation.body_type is not None:
        statuses |= {408}
    if operation.body_type == "application/json":
        statuses |= {415}
    return statuses | expected_refusals(operation)


def expected_refusals(operation: Operation) -> set[int]:
    """The statuses with which an operation answers what is well-formed."""
    statuses = set()
    if re.search(rf"\{{(({OF_TYPES}|session|token|factor)_id|provider)\}}", operation.path):
        statuses |= {404}
    if operation.id == "replace_recovery_codes":
        statuses |= {404}
    if re.search(rf"\{{({OF_TYPES})_id\}}", operation.path) and operation.method != "GET":
        statuses |= {412, 428}
    if operation.id in CONFLICTS:
        statuses |= {409}
    if operation.id in REPEATABLE:
        statuses |= {422}
    if operation.id in SYNC:
        statuses |= {410}
    return statuses


@pytest.mark.slow
async def test_the_schema_is_valid(app: FastAPI) -> None:
    validate(app.openapi())


async def test_operations_keep_their_names(app: FastAPI) -> None:
    found = {item.id: f"{item.method} {item.path}" for item in operations_of(app)}

    assert found == {**OPERATIONS, **ALIASES}
    assert len(operations_of(app)) == len(found), "no name is used twice"


async def test_schema_leaves_the_aliases_out(app: FastAPI) -> None:
    paths = app.openapi()["paths"]
    served = {
        operation["operationId"]: f"{method.upper()} {path}"
        for path, item in paths.items()
        for method, operation in item.items()
    }

    assert served == OPERATIONS
    assert "user_id}" not in str(paths)
    assert app.openapi()["components"] == whole_schema(app)["components"]


async def test_component_names_read_well(app: FastAPI) -> None:
    for name in app.openapi()["components"]["schemas"]:
        assert re.fullmatch(r"([A-Z][a-z]+)+", name), name
        assert not name.startswith("Body"), f"{name}: declare the body as a model"
        assert not name.endswith(("Input", "Output")), f"{name}: two models, one a direction"


async def test_requests_have_no_default_and_responses_have_every_field(app: FastAPI) -> None:
    schemas = app.openapi()["components"]["schemas"]
    sent = components_of(app, "requestBody")
    received = components_of(app, "responses")

    assert sent & received == set()
    assert {*sent, *received} == set(schemas)
    for name, schema in schemas.items():
        fields = schema.get("properties", {})
        # Generators take a field with a default for one that is always there.
        assert not [field for field, spec in fields.items() if "default" in spec], name
        if name in received and name != "ErrorDetails":
            # Errors in filters have a position. A batch returns only the texts and metadata that its operation has set. A refresh token may be in a cookie.
            optional = {
                "SessionTokens": {"refresh_token"},
                "ShortTask": {"title", "description", "metadata"},
                "ShortList": {"metadata"},
                "FieldError": {"position"},
            }.get(name, set())
            assert set(schema.get("required", ())) == set(fields) - optional, name
    assert "required" not in schemas["ErrorDetails"]
    assert schemas["TaskCreate"]["required"] == ["title"]
    assert "`false`" in schemas["TaskCreate"]["properties"]["is_completed"]["description"]
    assert "id" not in schemas["ResetEvent"]["properties"]


def components_of(app: FastAPI, part: str) -> set[str]:
    """The components that requests, or responses, refer to, directly or not."""
    schema = app.openapi()
    operations = [item for path in schema["paths"].values() for item in path.values()]
    found: set[str] = set()
    left = references_in([item.get(part) for item in operations])
    while left:
        name = left.pop()
        found.add(name)
        left |= references_in(schema["components"]["schemas"][name]) - found
    # The order of a list is neither: it is a parameter.
    sorts = {f"{kind.name.capitalize()}Sort" for kind in RESOURCE_TYPES}
    return found | (sorts if part == "requestBody" else set())


def references_in(value: Any) -> set[str]:
    return set(re.findall(r"#/components/schemas/(\w+)", json.dumps(value)))


async def test_changes_and_operations_are_discriminated_unions(app: FastAPI) -> None:
    schemas = app.openapi()["components"]["schemas"]

    for union, name in (
        *((schemas[f"{kind.name.capitalize()}Change"], "op") for kind in RESOURCE_TYPES),
        (schemas["StreamedEvent"], "event"),
        (schemas["Result"], "type"),
    ):
        assert union["discriminator"]["propertyName"] == name
        assert {item["$ref"] for item in union["oneOf"]} == set(
            union["discriminator"]["mapping"].values()
        )
        for value, reference in union["discriminator"]["mapping"].items():
            member = schemas[reference.rpartition("/")[2]]
            assert member["properties"][name]["const"] == value
            assert name in member["required"]
    assert schemas["TaskUpsert"]["properties"]["data"] == {"$ref": "#/components/schemas/TaskRead"}
    assert schemas["TaskDeletion"]["properties"]["data"]["type"] == "null"


async def test_errors_are_typed(app: FastAPI) -> None:
    schemas = app.openapi()["components"]["schemas"]
    fields = schemas["ErrorDetails"]["properties"]["fields"]

    assert set(schemas["ErrorCode"]["enum"]) == {
        error.code for error in errors.DulyError.__subclasses__()
    }
    assert schemas["ErrorBody"]["properties"]["code"] == {"$ref": "#/components/schemas/ErrorCode"}
    assert fields["items"] == {"$ref": "#/components/schemas/FieldError"}
    assert schemas["FieldError"]["required"] == ["path", "message", "type"]


async def test_every_route_is_in_the_schema(app: FastAPI) -> None:
    routes = [route for route in app.routes if isinstance(route, APIRoute)]

    assert {route.operation_id for route in routes} == {*OPERATIONS, *ALIASES}


async def test_every_operation_documents_its_errors(app: FastAPI) -> None:
    for operation in operations_of(app):
        statuses = {int(status) for status in operation.spec["responses"]}
        assert {status for status in statuses if status >= 400} == expected_errors(operation), (
            operation.id
        )


async def test_every_error_is_in_the_envelope_and_has_an_example(app: FastAPI) -> None:
    for operation in operations_of(app):
        for status, response in operation.spec["responses"].items():
            if int(status) < 400:
                continue
            content = response["content"]
            assert set(content) == {"application/json"}
            assert content["application/json"]["schema"] == {
                "$ref": "#/components/schemas/ErrorEnvelope"
            }
            examples = content["application/json"]["examples"]
            assert examples
            assert set(examples) <= CODES[int(status)], (operation.id, status)
            for code, example in examples.items():
                text = json.dumps(example["value"])
                envelope = ErrorEnvelope.model_validate_json(text, strict=True)
                assert envelope.error.code == code
            assert response["description"]
            assert "X-Request-ID" in response["headers"]


async def test_conflicts_of_names_and_cascades_are_documented(app: FastAPI) -> None:
    for operation in operations_of(app):
        conflict = operation.spec["responses"].get("409", {"content": {"application/json": {}}})
        codes = set(conflict["content"]["application/json"].get("examples", ()))
        assert ("NAME_TAKEN" in codes) == (operation.id in NAMING), operation.id
        assert ("TOO_MANY_CHANGES" in codes) == (operation.id in WIDE), operation.id


async def test_errors_document_their_headers(app: FastAPI) -> None:
    for operation in operations_of(app):
        headers = {
            int(status): set(response["headers"])
            for status, response in operation.spec["responses"].items()
        }
        assert "WWW-Authenticate" in headers.get(401, {"WWW-Authenticate"})
        assert "Retry-After" in headers.get(429, {"Retry-After"})
        assert "Retry-After" in headers[503]


async def test_every_operation_documents_its_successful_responses(app: FastAPI) -> None:
    for operation in operations_of(app):
        responses = operation.spec["responses"]
        statuses = {status for status in responses if int(status) < 400}
        assert statuses == ANSWERS.get(operation.id, statuses)
        assert len(statuses) == (2 if operation.id in ANSWERS else 1)
        for status in statuses:
            content = responses[status].get("content")
            if status in {"202", "204", "302", "304"}:
                assert content is None
            elif operation.id == "stream_events":
                assert set(content) == {"text/event-stream"}
            else:
                assert "$ref" in content["application/json"]["schema"]
        assert operation.spec["summary"]
        assert operation.spec["description"]


async def test_tasks_document_their_headers(app: FastAPI) -> None:
    by_id = {operation.id: operation.spec["responses"] for operation in operations_of(app)}

    assert {"Location", "ETag"} <= set(by_id["create_task"]["201"]["headers"])
    changes = (
        "replace_task",
        "update_task",
        "complete_task",
        "skip_task",
        "reopen_task",
        "restore_task",
        "move_task",
    )
    for name in ("get_task", "list_tasks", *changes):
        assert "ETag" in by_id[name]["200"]["headers"]
    for name in REPEATABLE:
        status = "201" if "201" in by_id[name] else "200"
        assert "Idempotency-Replayed" in by_id[name][status]["headers"]


async def test_tasks_document_the_headers_that_they_take(app: FastAPI) -> None:
    taken = {
        operation.id: {
            item["name"].lower()
            for item in operation.spec.get("parameters", [])
            if item["in"] == "header"
        }
        for operation in operations_of(app)
        if "/tasks" in operation.path
    }

    for name, headers in taken.items():
        if name in REPEATABLE:
            assert headers == {"idempotency-key"}
        elif name.startswith(("get_", "list_")):
            assert headers == {"if-none-match"}
        else:
            assert headers == {"if-match"}, name


async def test_every_route_but_sign_in_and_health_needs_a_token(app: FastAPI) -> None:
    secured = {item.id for item in operations_of(app) if item.spec["security"]}

    assert secured == {*OPERATIONS, *ALIASES} - OPEN
    schemes = app.openapi()["components"]["securitySchemes"]
    assert schemes == {
        "OAuth2PasswordBearer": {
            "type": "oauth2",
            "flows": {
                "password": {"scopes": SCOPE_DESCRIPTIONS, "tokenUrl": "/api/v1/auth/token"}
            },
        }
    }


async def test_every_operation_names_the_scopes_that_it_needs(app: FastAPI) -> None:
    found = {
        operation.id: operation.spec["security"][0]["OAuth2PasswordBearer"]
        for operation in operations_of(app)
        if operation.spec["security"]
    }

    expected = {
        "logout": ["session"],
        "get_me": ["account:read"],
        **dict.fromkeys(("export_me", "sync_changes", "stream_events"), READ_ALL),
    }
    for operation in operations_of(app):
        if operation.id not in found or operation.id in expected:
            continue
        if re.search(r"/(auth|users/me)(/|$)", operation.path):
            expected[operation.id] = ["account:manage"]
        else:
            verb = {"GET": "read", "DELETE": "delete"}.get(operation.method, "write")
            expected[operation.id] = [f"tasks:{verb}"]
    assert found == expected


def without_403(responses: dict[str, Any]) -> dict[str, Any]:
    return {status: value for status, value in responses.items() if status != "403"}


def examples_of_403(responses: dict[str, Any]) -> dict[str, Any]:
    if "403" not in responses:
        return {}
    return dict(responses["403"]["content"]["application/json"]["examples"])


async def test_alias_documents_the_same_as_the_shorter_paths(app: FastAPI) -> None:
    by_id: dict[str, dict[str, Any]] = {item.id: item.spec for item in operations_of(app)}

    aliases = {name: spec for name, spec in by_id.items() if "_user_task" in name}
    assert len(aliases) == 12
    for name, spec in aliases.items():
        original = by_id[name.replace("_user_", "_")]
        assert spec.get("requestBody") == original.get("requestBody")
        own = [item for item in spec.get("parameters", []) if item["name"] != "user_id"]
        assert own == original.get("parameters", [])
        assert without_403(spec["responses"]) == without_403(original["responses"])
        examples = examples_of_403(spec["responses"])
        assert examples == {**examples_of_403(original["responses"]), **examples}
        assert "FORBIDDEN" in examples


async def test_limits_of_the_contract_are_in_the_schema(app: FastAPI) -> None:
    schemas = app.openapi()["components"]["schemas"]
    title = schemas["TaskCreate"]["properties"]["title"]
    description = schemas["TaskCreate"]["properties"]["description"]["anyOf"][0]
    parameters = app.openapi()["paths"]["/api/v1/tasks"]["get"]["parameters"]
    query = {item["name"]: item["schema"] for item in parameters}

    assert (title["minLength"], title["maxLength"]) == (1, 255)
    assert description["maxLength"] == 20_000
    assert {"minimum": 1, "maximum": 100, "default": 20}.items() <= query["limit"].items()
    assert {"minimum": 0, "maximum": 10_000, "default": 0}.items() <= query["offset"].items()
    assert query["sort"]["default"] == "-created_at"
    for name in ("TaskCreate", "TaskReplace", "TaskPatch", "Registration", "UserPatch"):
        assert schemas[name]["additionalProperties"] is False


def test_every_error_class_is_in_the_table() -> None:
    # No route answers with these: one is for what is no route, one stands in answers of batches.
    codes = {**CODES, 405: {"METHOD_NOT_ALLOWED"}, 424: {"BATCH_NOT_APPLIED"}}
    for error in errors.DulyError.__subclasses__():
        assert error.code in codes[error.status]


def test_the_written_schema_is_the_one_that_is_served(
    tmp_path: Path, clean_environment: pytest.MonkeyPatch
) -> None:
    clean_environment.chdir(tmp_path)
    cli.openapi(tmp_path / "openapi.yaml")

    assert (tmp_path / "openapi.yaml").read_text() == WRITTEN.read_text(), (
        "docs/openapi.yaml is stale: run `make openapi`"
    )
