"""The examples of the documents: shell blocks, what they are said to print, and what they do.

A block tagged `sh` is played. One tagged `console` needs what a test has not (Docker, Neon, a
server of its own). What an `sh` block prints is shown by the next block, if that is tagged `http`
or `json`, or by the comments in it. A member `"…": "…"` stands for members that are not shown.
"""

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
_BASE = "http://127.0.0.1:8000"
REST = "…"
_FENCE = re.compile(r"^( *)```(\w*)$")

# Members and headers that differ from run to run.
_VARYING_MEMBERS = {"id", "user_id", "token", "user_agent", "version", "next_cursor"}
_VARYING_SUFFIXES = ("_token", "_at", "_id", "_ids")
_VARYING_HEADERS = {"x-request-id", "etag", "location", "ratelimit", "retry-after"}


@dataclass
class Block:
    """One fenced block of a document."""

    place: str
    tag: str
    lines: list[str]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@dataclass
class Example:
    """A shell block and what it is said to print, in the form that `kind` names."""

    block: Block
    kind: str
    shown: str


def blocks_of(document: str) -> Iterator[Block]:
    """The fenced blocks of a document, in order."""
    block: Block | None = None
    for number, line in enumerate((ROOT / document).read_text().splitlines(), 1):
        fence = _FENCE.match(line)
        if block is None:
            if fence is not None:
                block = Block(f"{document}:{number}", fence[2], [])
        elif fence is not None:
            yield block
            block = None
        else:
            block.lines.append(line)
    assert block is None, f"{block.place} has no end"


def examples_of(document: str) -> list[Example]:
    """The examples of a document that can be played."""
    blocks = list(blocks_of(document))
    found = []
    for block, following in zip(blocks, [*blocks[1:], None], strict=True):
        if block.tag != "sh":
            continue
        comments = [line[2:] for line in block.lines if line.startswith("# ")]
        if comments:
            found.append(Example(block, "json", "\n".join(comments)))
        elif following is not None and following.tag in {"http", "json"}:
            found.append(Example(block, following.tag, following.text))
        else:
            found.append(Example(block, "", ""))
    return found


@dataclass
class Run:
    """What an example did: all that it printed, its errors, and its exit status."""

    output: str
    errors: str
    status: int


def run(
    examples: list[Example], url: str, directory: Path, environment: dict[str, str]
) -> list[Run]:
    """Run the examples of one document in one shell."""
    printed = directory / "printed"
    printed.mkdir(exist_ok=True)
    script = ["set -u"]
    for number, example in enumerate(examples):
        text = example.block.text.replace(_BASE, url).replace("--max-time 20", "--max-time 2")
        script.append(f"{{\n{text}\n}} > {printed}/{number} 2> {printed}/{number}.errors")
        script.append(f"echo $? > {printed}/{number}.status")
    shell = subprocess.run(
        ["bash", "-s"],
        input="\n".join(script),
        cwd=directory,
        env=environment,
        text=True,
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert shell.returncode == 0, shell
    return [
        Run(
            (printed / str(number)).read_text(),
            (printed / f"{number}.errors").read_text(),
            int((printed / f"{number}.status").read_text()),
        )
        for number in range(len(examples))
    ]


def play(
    examples: list[Example], url: str, directory: Path, environment: dict[str, str]
) -> list[str]:
    """Run the examples of one document in one shell; return all that is not as shown."""
    differences = []
    for example, done in zip(examples, run(examples, url, directory, environment), strict=True):
        place = example.block.place
        # curl ends with 28 at --max-time.
        if done.status != (28 if "--max-time" in example.block.text else 0):
            differences.append(f"{place}: status {done.status}: {done.errors}")
        found = _compare(example, done.output)
        differences += [f"{place}: {item} in {done.output[:2000]}" for item in found]
    return differences


def _compare(example: Example, output: str) -> Iterator[str]:
    if example.kind == "http":
        shown, got = response_in(example.shown), response_in(output)
        if shown[0] != got[0]:
            yield f"status {got[0]}, not {shown[0]}"
        for name, value in shown[1].items():
            found = got[1].get(name)
            if found is None or (name not in _VARYING_HEADERS and found != value):
                yield f"header {name}: {found}, not {value}"
        yield from _compare_values(shown[2], got[2], "")
    elif example.kind == "json":
        yield from _compare_values(documents_in(example.shown), documents_in(output), "")


def response_in(text: str) -> tuple[str, dict[str, str], list[Any]]:
    """The status, the headers and the body of a response as curl prints it."""
    head, _, body = text.replace("\r\n", "\n").partition("\n\n")
    status, *lines = head.splitlines() or [""]
    headers = dict(line.split(": ", 1) for line in lines)
    by_name = {name.lower(): value for name, value in headers.items()}
    found = events_in(body) if is_stream(by_name) else documents_in(body)
    return status.partition(" ")[2][:3], by_name, found


def is_stream(headers: dict[str, str]) -> bool:
    """Whether a response consists of Server-Sent Events."""
    return headers.get("content-type", "").startswith("text/event-stream")


def events_in(text: str) -> list[Any]:
    """The events of a stream, with their data decoded; comments are left out."""
    found = []
    for block in text.strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if line[0] != ":")
        if fields:
            found.append({**fields, "data": json.loads(fields["data"])})
    return found


def documents_in(text: str) -> list[Any]:
    """The JSON documents in a text, one after the other."""
    decoder, found, text = json.JSONDecoder(), [], text.strip()
    while text:
        document, end = decoder.raw_decode(text)
        found.append(document)
        text = text[end:].strip()
    return found


def _compare_values(shown: Any, got: Any, path: str) -> Iterator[str]:
    if type(shown) is not type(got):
        yield f"{path or 'body'}: {got!r}, not {shown!r}"
    elif isinstance(shown, dict):
        names = shown.keys() - {REST}
        if not (names <= got.keys() if REST in shown else names == got.keys()):
            yield f"{path}: members {sorted(got)}, not {sorted(shown)}"
        for name in shown.keys() & got.keys():
            yield from _compare_values(shown[name], got[name], f"{path}.{name}")
    elif isinstance(shown, list):
        if len(shown) != len(got):
            yield f"{path or 'body'}: {len(got)} items, not {len(shown)}"
        for number, pair in enumerate(zip(shown, got, strict=False)):
            yield from _compare_values(*pair, f"{path}[{number}]")
    elif shown != got and not _varies(path.rpartition(".")[2].partition("[")[0], shown):
        yield f"{path}: {got!r}, not {shown!r}"


def _varies(name: str, shown: Any) -> bool:
    is_cut = isinstance(shown, str) and "…" in shown
    return is_cut or name in _VARYING_MEMBERS or name.endswith(_VARYING_SUFFIXES)
