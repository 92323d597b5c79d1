"""The files of a release: the wheel, tried as a user would install it, and its SBOM."""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

_START = 60.0
_STOP = 60.0
_API = "/api/v1"


class Unusable(Exception):
    """The wheel does not work as a user expects; the message says what does not."""


def build(root: Path, version: str) -> list[Path]:
    """Build the wheel and the SBOM, and try the wheel. Return the files, the wheel first."""
    subprocess.run(["make", "wheel"], cwd=root, check=True)
    [wheel] = (root / "dist").glob(f"duly-{version}-*.whl")
    with tempfile.TemporaryDirectory(prefix="duly-release-") as directory:
        # The database of root runs as another user, who must reach its programs.
        Path(directory).chmod(0o755)
        environment = Path(directory) / "venv"
        install(root, wheel, environment)
        try_wheel(environment, Path(directory), version)
        sbom = root / "dist" / f"duly-{version}.cdx.json"
        sbom.write_text(json.dumps(describe(root, environment), indent=2) + "\n")
    _validate(root, sbom)
    return [wheel, sbom]


def install(root: Path, wheel: Path, environment: Path) -> None:
    """Install the wheel into an empty environment, with the dependencies that were tested."""
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    pip: list[str | Path] = [
        environment / "bin" / "python",
        "-m",
        "pip",
        "--quiet",
        "--disable-pip-version-check",
    ]
    lock = root / "backend" / "requirements.lock"
    hashes: list[str | Path] = [
        "--require-hashes",
        "--only-binary",
        ":all:",
        "--requirement",
        lock,
    ]
    subprocess.run([*pip, "install", "--no-deps", *hashes], check=True)
    subprocess.run([*pip, "install", "--no-deps", wheel], check=True)
    subprocess.run([*pip, "check"], check=True)
    # Duly does not need them, and the SBOM lists all that is installed.
    subprocess.run([*pip, "uninstall", "--yes", "setuptools", "pip"], check=True)


def try_wheel(environment: Path, directory: Path, version: str) -> None:
    """Serve with a new data directory, register, add a task, load the web app, and stop.

    Raise `Unusable` if one of these fails.
    """
    duly = environment / "bin" / "duly"
    printed = subprocess.run([duly, "--version"], capture_output=True, text=True, check=True)
    _require(version in printed.stdout, f"it has the version {printed.stdout.strip()}")
    with _serving(duly, directory) as client:
        person = {"email": "release@example.com", "password": "a long pass phrase"}
        session = client.post(f"{_API}/auth/register", json=person)
        _require(session.is_success, f"registration: {session.status_code}")
        client.headers["Authorization"] = f"Bearer {session.json()['access_token']}"
        task = client.post(f"{_API}/tasks", json={"title": "Try the wheel"})
        _require(task.is_success, f"creating a task: {task.status_code}")
        titles = [one["title"] for one in client.get(f"{_API}/tasks").json()["items"]]
        _require(titles == ["Try the wheel"], f"listing tasks: {titles}")
        page = client.get("/", headers={"Accept": "text/html"})
        _require("<script" in page.text, "the web app is not in it")


@contextmanager
def _serving(duly: Path, directory: Path) -> Iterator[httpx.Client]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    ours = {"DULY_PORT": port, "DULY_DATA_DIR": str(directory / "data")}
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DULY_", "DATABASE_"))}
    with subprocess.Popen(
        [duly, "serve"], env={**kept, **ours}, cwd=directory, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            _require("Listening" in process.stdout.readline(), "it does not start")
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=_START) as client:
                yield client
            process.send_signal(signal.SIGTERM)
            _require(process.wait(_STOP) == 0, f"it ends with the status {process.returncode}")
        finally:
            process.terminate()


def _require(is_so: bool, problem: str) -> None:
    if not is_so:
        raise Unusable(problem)


def describe(root: Path, environment: Path) -> dict[str, Any]:
    """Return the SBOM of an environment, with the packages that are in the web app."""
    printed = subprocess.run(
        [
            *(root / "backend" / ".venv-sbom" / "bin" / "cyclonedx-py", "environment"),
            *("--pyproject", root / "backend" / "pyproject.toml"),
            *("--output-format", "JSON", "--output-reproducible"),
            environment / "bin" / "python",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    document: dict[str, Any] = json.loads(printed.stdout)
    packages = web_components(json.loads((root / "frontend" / "package-lock.json").read_text()))
    document["components"] += packages
    document["dependencies"] += [{"ref": package["bom-ref"]} for package in packages]
    main = document["metadata"]["component"]["bom-ref"]
    [ours] = [one for one in document["dependencies"] if one["ref"] == main]
    ours["dependsOn"] = sorted(
        {*ours.get("dependsOn", []), *(package["bom-ref"] for package in packages)}
    )
    return document


def web_components(lock: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the packages of a lock of npm that are not for the build alone, as components."""
    components = []
    for path, package in lock["packages"].items():
        if path and not package.get("dev") and not package.get("devOptional"):
            name = path.rpartition("node_modules/")[2]
            algorithm, _, digest = package["integrity"].partition("-")
            purl = f"pkg:npm/{name.replace('@', '%40', 1)}@{package['version']}"
            components.append(
                {
                    "bom-ref": purl,
                    "type": "library",
                    "name": name,
                    "version": package["version"],
                    "purl": purl,
                    "hashes": [
                        {
                            "alg": algorithm.upper().replace("SHA", "SHA-"),
                            "content": base64.b64decode(digest).hex(),
                        }
                    ],
                    "licenses": [{"expression": package["license"]}],
                }
            )
    return components


def _validate(root: Path, sbom: Path) -> None:
    """Raise an error if the SBOM does not follow the schema of its format."""
    code = (
        "import sys\n"
        "from cyclonedx.schema import SchemaVersion\n"
        "from cyclonedx.validation.json import JsonStrictValidator\n"
        "text = open(sys.argv[1]).read()\n"
        "error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)\n"
        "sys.exit(None if error is None else str(error))\n"
    )
    python = root / "backend" / ".venv-sbom" / "bin" / "python"
    subprocess.run([python, "-c", code, sbom], check=True)
