"""TypeScript clients made by two public generators: they compile strictly, and they work."""

import json
import shutil
from pathlib import Path
from textwrap import dedent
from uuid import uuid4

import pytest

from duly.core.config import Settings
from duly.core.errors import error_codes
from duly.main import create_app
from tests.support.servers import serving
from tests.support.typescript import CLIENTS, MODULES, run

pytestmark = pytest.mark.skipif(
    not MODULES.exists(), reason="the npm tools are not installed: run `make test`"
)

PASSWORD = "correct horse battery"
SWITCHES = dedent("""
    import type { components } from "./generated/schema";
    import type { ErrorCode } from "./generated/sdk";

    type Code = ErrorCode | components["schemas"]["ErrorCode"];

    export function whatToDo(code: Code): string {
      switch (code) {
        case "%(first)s":
        %(others)s
          return code;
        default:
          return code satisfies never;
      }
    }

    export function forgetful(code: Code): string {
      switch (code) {
        %(others)s
          return code;
        default:
          // @ts-expect-error: one code is left
          return code satisfies never;
      }
    }
""")


def switches(first: str, *others: str) -> str:
    """A switch over all error codes, which compiles, and one over all but the first."""
    cases = "\n    ".join(f'case "{code}":' for code in others)
    return SWITCHES % {"first": first, "others": cases}


@pytest.fixture
def project(settings: Settings, tmp_path: Path) -> Path:
    """The programs of `tests/clients`, and the clients that they use, generated without flags."""
    (tmp_path / "openapi.json").write_text(json.dumps(create_app(settings).openapi()))
    (tmp_path / "node_modules").symlink_to(MODULES)
    for file in [*CLIENTS.glob("*.ts"), CLIENTS / "tsconfig.json"]:
        shutil.copy(file, tmp_path)
    (tmp_path / "codes.ts").write_text(switches(*error_codes()))
    schema = tmp_path / "generated" / "schema.ts"
    run("openapi-typescript", "openapi.json", "--output", schema, directory=tmp_path)
    sdk = tmp_path / "generated" / "sdk"
    run("openapi-ts", "--input", "openapi.json", "--output", sdk, "--silent", directory=tmp_path)
    return tmp_path


@pytest.mark.slow
def test_generated_clients_compile_strictly_and_work(project: Path, dsn: str) -> None:
    run("tsc", "--strict", "--project", ".", directory=project)

    people = [f"{uuid4()}@example.com" for _ in range(2)]
    with serving(dsn, workers=1) as server:
        output = run("node", "built/main.js", server.url, *people, PASSWORD, directory=project)

    # The milk was deleted after both had read it; an empty title is refused.
    assert json.loads(output) == [["Buy bread", "body.title value_error"]] * 2
