"""PocketBase, built from its Go module into a cache outside of the repository."""

import os
import subprocess
from pathlib import Path

from bench.suite.systems import find_program

VERSION = "v0.36.8"
_MODULE = "module peer\n\ngo 1.25.0\n"
_MAIN = """package main

import (
	"log"

	"github.com/pocketbase/pocketbase"
)

func main() {
	if err := pocketbase.New().Start(); err != nil {
		log.Fatal(err)
	}
}
"""


def program(given: str | None) -> Path | None:
    """Return the program: the given one, or else one that is built now. None without Go."""
    if given is not None:
        return Path(given)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "duly-bench"
    directory = cache / f"pocketbase-{VERSION}"
    built = directory / "pocketbase"
    if built.exists():
        return built
    go = find_program("go")
    if go is None:
        return None
    print("Building PocketBase (once; takes minutes) ...", flush=True)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "go.mod").write_text(_MODULE)
    (directory / "main.go").write_text(_MAIN)
    flags = f"-s -w -X github.com/pocketbase/pocketbase.Version={VERSION}"
    for arguments in (
        ["get", f"github.com/pocketbase/pocketbase@{VERSION}"],
        ["mod", "tidy"],
        ["build", "-trimpath", "-ldflags", flags, "-o", str(built), "."],
    ):
        output = subprocess.run(
            [go, *arguments],
            cwd=directory,
            env={**os.environ, "CGO_ENABLED": "0"},
            capture_output=True,
            text=True,
            check=False,
        )
        if output.returncode:
            print(f"PocketBase could not be built: {output.stderr[-500:]}", flush=True)
            return None
    return built
