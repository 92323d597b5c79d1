"""The build of the web app, with a small one in its place: when it runs, and what comes of it."""

import gzip
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[3]
VENV = Path(sys.executable).parents[1]
STYLE = "body { color: #222; }\n" * 100

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed"),
]

_BUILD = """\
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
const style = readFileSync("src/style.css", "utf8");
rmSync("dist", { recursive: true, force: true });
mkdirSync("dist/assets", { recursive: true });
if (style.includes("mistake")) process.exit(1);
writeFileSync(`dist/assets/style-${style.length}.css`, style);
cpSync("index.html", "dist/index.html");
cpSync("public", "dist", { recursive: true });
"""

Make = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """What the build reads of a clone, and an app without packages of others."""
    for name in ("Makefile", "scripts", "backend/pyproject.toml", "backend/src"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "web", "web.next")
            shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
        else:
            shutil.copy2(ROOT / name, tmp_path / name)
    for name in ("requirements.lock", "requirements-node.lock"):
        shutil.copy2(ROOT / "backend" / name, tmp_path / "backend" / name)
    frontend = tmp_path / "frontend"
    for folder in ("src", "public"):
        (frontend / folder).mkdir(parents=True)
    package = {"name": "small", "version": "0.0.0", "scripts": {"build": "node build.mjs"}}
    lock = {"name": "small", "version": "0.0.0", "lockfileVersion": 3, "packages": {"": {}}}
    (frontend / "package.json").write_text(json.dumps(package))
    (frontend / "package-lock.json").write_text(json.dumps(lock))
    (frontend / "build.mjs").write_text(_BUILD)
    (frontend / "index.html").write_text("hi")
    (frontend / "src" / "style.css").write_text(STYLE)
    (frontend / "public" / "worker.js").write_text("self.onfetch = () => {};\n" * 20)
    (frontend / "public" / "icon.png").write_bytes(b"not really a picture" * 20)
    return tmp_path


@pytest.fixture
def make(repository: Path) -> Make:
    """Run `make` in the clone, with the packages of this one."""

    def run(*targets: str) -> subprocess.CompletedProcess[str]:
        # As if they had just been installed from the copied locks.
        command = ["make", f"VENV={VENV}", f"--old-file={VENV}/run.stamp", *targets]
        environment = {k: v for k, v in os.environ.items() if k not in {"MAKEFLAGS", "MAKELEVEL"}}
        return subprocess.run(
            command, cwd=repository, env=environment, capture_output=True, text=True, check=False
        )

    return run


def files_in(directory: Path) -> set[str]:
    return {
        path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file()
    }


def test_build_has_the_files_and_smaller_ones_where_that_helps(
    repository: Path, make: Make
) -> None:
    built = make("web")

    assert built.returncode == 0, built.stderr
    web = repository / "backend" / "src" / "duly" / "web"
    style = f"assets/style-{len(STYLE)}.css"
    assert files_in(web) == {
        "index.html",
        "icon.png",
        *(f"worker.js{suffix}" for suffix in ("", ".br", ".gz")),
        *(f"{style}{suffix}" for suffix in ("", ".br", ".gz")),
    }, "a short page and a picture would not become smaller"
    assert gzip.decompress((web / f"{style}.gz").read_bytes()).decode() == STYLE
    script = "process.stdout.write(zlib.brotliDecompressSync(fs.readFileSync(process.argv[1])))"
    plain = subprocess.run(
        ["node", "-e", script, web / f"{style}.br"], capture_output=True, text=True, check=True
    )
    assert plain.stdout == STYLE


def test_build_runs_again_only_when_a_source_has_changed(repository: Path, make: Make) -> None:
    page = repository / "backend" / "src" / "duly" / "web" / "index.html"

    def built_at() -> int:
        done = make("web")
        assert done.returncode == 0, done.stderr
        time.sleep(0.05)  # the clock of the file system has steps of a few milliseconds
        return page.stat().st_mtime_ns

    first = built_at()
    assert built_at() == first
    (repository / "frontend" / "src" / "style.css").write_text(STYLE + "p { margin: 0; }")
    second = built_at()
    assert second > first
    (repository / "frontend" / "public" / "icon.png").unlink()
    third = built_at()
    assert third > second
    assert not page.with_name("icon.png").exists()
    assert [path.name for path in (page.parent / "assets").glob("*.css")] == [
        f"style-{len(STYLE) + 16}.css"
    ]
    assert built_at() == third


def test_failed_build_leaves_the_one_before(repository: Path, make: Make) -> None:
    assert make("web").returncode == 0
    web = repository / "backend" / "src" / "duly" / "web"
    before = files_in(web)
    (repository / "frontend" / "src" / "style.css").write_text("a mistake")

    failed = make("web")

    assert failed.returncode != 0
    assert files_in(web) == before
    assert make("web").returncode != 0, "it is tried again"


def test_wheel_contains_the_app_and_serves_it(repository: Path, make: Make) -> None:
    (repository / "backend" / "build" / "lib" / "duly" / "web" / "assets").mkdir(parents=True)
    stale = repository / "backend" / "build" / "lib" / "duly" / "web" / "assets" / "old.css"
    stale.write_text("of an earlier build")

    made = make("wheel")

    assert made.returncode == 0, made.stderr
    [wheel] = (repository / "dist").glob("duly-*.whl")
    unpacked = repository / "unpacked"
    ZipFile(wheel).extractall(unpacked)
    web = repository / "backend" / "src" / "duly" / "web"
    assert files_in(unpacked / "duly" / "web") == files_in(web)
    assert (unpacked / "duly" / "py.typed").exists()
    script = "from duly.api.web_app import find_web_app as f; print(f('on')._directory)"
    found = subprocess.run(
        [sys.executable, "-c", script],
        cwd=repository,
        env={**os.environ, "PYTHONPATH": str(unpacked)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == str(unpacked / "duly" / "web")


def test_wheel_without_a_build_is_the_api_alone(repository: Path) -> None:
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    command += ["--no-build-isolation", "--wheel-dir", "dist", "./backend"]
    subprocess.run(command, cwd=repository, check=True)

    [wheel] = (repository / "dist").glob("duly-*.whl")
    assert not [name for name in ZipFile(wheel).namelist() if name.startswith("duly/web/")]


def test_server_starts_also_if_the_app_cannot_be_built(repository: Path, make: Make) -> None:
    (repository / "frontend" / "src" / "style.css").write_text("a mistake")
    server = repository / "bin"
    server.mkdir()
    (server / "duly").write_text('#!/bin/sh\necho "serving"\n')
    (server / "duly").chmod(0o755)

    done = make(f"BIN={server}", "run")

    assert done.returncode == 0, done.stderr
    assert "The web app was not built" in done.stdout
    assert done.stdout.rstrip().endswith("serving")
    assert not (repository / "backend" / "src" / "duly" / "web").exists()
