"""`duly` as it is typed, but run in this process, so that coverage sees it."""

import io
import logging
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from unittest import mock

import structlog

from duly.cli import main


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    stdout: str
    stderr: str

    @property
    def line(self) -> str:
        """The one line with which it failed, after the one that may name the database."""
        assert self.status == 1, self
        assert self.stdout == ""
        assert self.stderr.endswith("\n")
        lines = self.stderr.splitlines()
        if lines[0].startswith("Database: "):
            del lines[0]
        (line,) = lines
        assert line.startswith("duly: ")
        return line


class _Input(io.StringIO):
    at_terminal = False

    def isatty(self) -> bool:
        return self.at_terminal


def duly(*arguments: str, typed: str = "", at_terminal: bool = False) -> Ended:
    """Run a command to its end. It may not be called where an event loop runs."""
    stdin, stderr = _Input(typed), io.StringIO()
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    stdin.at_terminal = at_terminal
    # A command sets logging up for itself; the application of the run keeps its own.
    configuration, root = structlog.get_config(), logging.getLogger()
    handlers, level = root.handlers, root.level
    try:
        with (
            mock.patch("sys.argv", ["duly", *arguments]),
            mock.patch("sys.stdin", stdin),
            redirect_stdout(stdout),
            redirect_stderr(stderr),
        ):
            main()
        status = 0
    except SystemExit as ended:
        status = int(ended.code or 0)
    finally:
        structlog.configure(**configuration)
        root.handlers = handlers
        root.setLevel(level)
    written = stdout.detach()
    assert isinstance(written, io.BytesIO)
    return Ended(status, written.getvalue().decode(), stderr.getvalue())
