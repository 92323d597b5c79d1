"""Record the responses that the documents show, from a server of its own: `make record`.

Of a response with headers, those that are shown stay; of an object with a member `"…": "…"`, the
members that are shown stay. Long tokens are cut. Read the difference before you commit it.
"""

import json
import os
import re
import sys
import tempfile
from itertools import zip_longest
from pathlib import Path
from typing import Any

from tests.support import launcher
from tests.support.documents import (
    REST,
    ROOT,
    Example,
    documents_in,
    examples_of,
    is_stream,
    response_in,
    run,
)
from tests.support.programs import DULY, environment, serving

_LINE = 100
"""The longest line of JSON that is shown as it was printed."""

_ID = 16
"""Characters of an event's id that are shown."""

_CUT = re.compile(
    r'("(?:access_token|refresh_token|next_cursor|token|challenge)": ?"[^"]{10})[^"]{10,}"'
)


def _recorded(example: Example, output: str) -> str:
    """What a document shows of an output, in the form in which it was shown before."""
    if example.kind == "http":
        return _recorded_response(example.shown, output)
    shown, got = documents_in(example.shown), documents_in(output)
    kept = [_kept(*pair) for pair in zip_longest(shown, got) if pair[1] is not None]
    are_lines = len(output.splitlines()) == len(got)
    lines = [
        _json(one, is_compact=are_lines and len(_json(one, is_compact=True)) <= _LINE)
        for one in kept
    ]
    return "\n".join(lines)


def _recorded_response(shown: str, output: str) -> str:
    _, headers, bodies = response_in(output)
    _, _, shown_bodies = response_in(shown)
    names = [line.partition(":")[0] for line in shown.partition("\n\n")[0].splitlines()[1:]]
    lines = [
        output.splitlines()[0].strip(),
        *(f"{name}: {headers.get(name.lower(), 'missing')}" for name in names),
    ]
    for shown_body, body in zip_longest(shown_bodies, bodies):
        if body is not None:
            kept = _kept(shown_body, body)
            lines += ["", _event(kept) if is_stream(headers) else _json(kept, is_compact=False)]
    return "\n".join(lines)


def _event(event: Any) -> str:
    data = _json(event["data"], is_compact=True)
    return f"id: {event['id'][:_ID]}…\nevent: {event['event']}\ndata: {data}"


def _kept(shown: Any, got: Any) -> Any:
    if isinstance(got, list):
        shown = shown if isinstance(shown, list) and shown else [None]
        return [_kept(shown[min(number, len(shown) - 1)], item) for number, item in enumerate(got)]
    if not isinstance(got, dict):
        return got
    shown = shown if isinstance(shown, dict) else {}
    names = [name for name in got if name in shown or REST not in shown]
    kept = {name: _kept(shown.get(name), got[name]) for name in names}
    return {**kept, REST: REST} if REST in shown else kept


def _json(value: Any, *, is_compact: bool) -> str:
    if is_compact:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _CUT.sub(r'\1…"', json.dumps(value, ensure_ascii=False, indent=2))


def record(document: str, url: str, directory: Path, own: dict[str, str]) -> None:
    """Replace what a document shows of each example by what it prints now."""
    examples = examples_of(document)
    text = (ROOT / document).read_text(encoding="utf-8")
    start = 0
    for example, done in zip(examples, run(examples, url, directory, own), strict=True):
        start = text.index(example.block.text, start) + len(example.block.text)
        if example.kind and f"```{example.kind}\n{example.shown}\n```" in text[start:]:
            begin = text.index(example.shown, start)
            end = begin + len(example.shown)
            text = text[:begin] + _recorded(example, done.output) + text[end:]
            start = begin
    (ROOT / document).write_text(text, encoding="utf-8")


def main(documents: list[str]) -> None:
    """Play the documents in order, as a reader would, and record each."""
    with tempfile.TemporaryDirectory(prefix="duly-") as parent:
        directory = Path(parent)
        directory.chmod(0o755)
        (directory / "bin").mkdir()
        launcher.write_command(directory / "bin" / "duly", DULY)
        path = f"{directory / 'bin'}:{DULY.parent}:{os.environ['PATH']}"
        with serving(directory / "duly_data", DULY_LOG_LEVEL="warning") as server:
            for document in documents:
                own = environment(PATH=path, **launcher.way())
                record(document, server.url, directory, own)


if __name__ == "__main__":
    main(sys.argv[1:])
