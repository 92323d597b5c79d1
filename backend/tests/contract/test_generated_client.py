"""A client made by a public generator, against the server that is shipped."""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import httpx
import pytest

from tests.support.factories import RegistrationFactory, TaskFactory
from tests.support.programs import PATIENCE

BACKEND = Path(__file__).parents[2]
GENERATOR = BACKEND / ".venv-generator" / "bin"
DULY = Path(sys.executable).with_name("duly")

SCRIPT = dedent("""
    import json, sys
    from generated import AuthenticatedClient, Client
    from generated.api.auth import login, register
    from generated.api.tasks import create_task, get_task, list_tasks, update_task
    from generated.models import Credentials, ErrorEnvelope, Registration, TaskCreate, TaskPatch

    url, person, body = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])

    client = Client(base_url=url, raise_on_unexpected_status=True)
    registered = register.sync(client=client, body=Registration.from_dict(person))
    credentials = Credentials(email=person["email"], password=person["password"])
    session = login.sync(client=client, body=credentials)
    wrong = login.sync(client=client, body=Credentials(email=person["email"], password="no"))
    assert isinstance(wrong, ErrorEnvelope) and wrong.error.code == "UNAUTHENTICATED"

    signed_in = AuthenticatedClient(
        base_url=url, token=session.access_token, raise_on_unexpected_status=True
    )
    task = create_task.sync(client=signed_in, body=TaskCreate.from_dict(body))
    patched = update_task.sync(
        task_id=task.id, client=signed_in, body=TaskPatch(is_completed=True)
    )
    found = get_task.sync(task_id=task.id, client=signed_in)
    page = list_tasks.sync(client=signed_in, limit=1, is_completed=True, include_total=True)
    assert registered.user.id == session.user.id == task.user_id
    assert patched == found == page.items[0] and page.total == 1
    print(json.dumps(found.to_dict()))
""")


@pytest.fixture
def url(dsn: str, tmp_path: Path) -> Iterator[str]:
    """A server of its own process, on the database of the tests."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("DULY_")},
        "DATABASE_URL": dsn,
        "DULY_SECRET_KEY": secrets.token_hex(32),
        "DULY_PORT": str(port),
        "DULY_BCRYPT_COST": "4",
    }
    with (tmp_path / "server.log").open("w+") as output:
        process = subprocess.Popen(
            [DULY, "serve"], cwd=tmp_path, env=environment, stdout=output, stderr=output
        )
        try:
            wait_for(process, f"http://127.0.0.1:{port}/health/ready", tmp_path / "server.log")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            status = process.wait(30)
    assert status == 0


def wait_for(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    for _ in range(600):
        assert process.poll() is None, log.read_text()
        try:
            if httpx.get(url, timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    pytest.fail(f"the server does not answer: {log.read_text()}")


def run(*arguments: str | Path, directory: Path) -> str:
    # The generator formats what it makes with the ruff that is installed beside it.
    environment = {"PATH": f"{GENERATOR}{os.pathsep}{os.environ['PATH']}", "LANG": "C.UTF-8"}
    result = subprocess.run(
        [GENERATOR / arguments[0], *arguments[1:]],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.mark.slow
def test_a_generated_client_registers_signs_in_and_creates_a_task(
    url: str, tmp_path: Path
) -> None:
    schema = tmp_path / "openapi.json"
    # A server composes the schema at the first request for it.
    schema.write_bytes(httpx.get(f"{url}/openapi.json", timeout=PATIENCE).content)
    person, body = RegistrationFactory(), TaskFactory()

    run(
        "openapi-python-client",
        "generate",
        "--path",
        schema,
        "--meta",
        "none",
        "--output-path",
        tmp_path / "generated",
        "--fail-on-warning",
        directory=tmp_path,
    )
    (tmp_path / "script.py").write_text(SCRIPT)
    output = run(
        "python", "script.py", url, json.dumps(person), json.dumps(body), directory=tmp_path
    )

    task = json.loads(output)
    assert task["title"] == body["title"]
    assert task["description"] == body["description"]
    assert task["is_completed"] is True
