"""The account that the embedded PostgreSQL runs under, and the directories that it can reach."""

import contextlib
import os
import pwd
import stat
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from duly.core.errors import StartupError

# `test` asks the kernel, so that groups and access control lists count, too.
_FIND_BLOCKED = 'for path; do test -x "$path" || { printf %s "$path"; exit 1; }; done'


class Account:
    """Our own account; or, as PostgreSQL refuses to run as root, another one for root."""

    def __init__(self, cluster: Path) -> None:
        self._found = _account_for(cluster)

    @property
    def is_our_own(self) -> bool:
        """Whether PostgreSQL runs under the account that Duly runs under."""
        return self._found is None

    @property
    def options(self) -> dict[str, Any]:
        """Options that make `subprocess` run a program under this account."""
        if self._found is None:
            return {}
        return {"user": self._found.pw_uid, "group": self._found.pw_gid, "extra_groups": []}

    def check_program(self, program: Path, owner: str = "Duly") -> None:
        """Raise `StartupError` if the account cannot run `program`, which is installed with `owner`."""
        if self._found is None:
            return
        blocked = self._first_blocked([*reversed(program.parents), program])
        if blocked is not None:
            raise StartupError(
                f"the embedded database runs as {self._name}, which has no access to {blocked}, "
                f"where {owner} is installed; run Duly as an ordinary user, or install it in a "
                "directory that all accounts can reach, such as /opt/duly"
            )

    def check_parents(self, directory: Path) -> None:
        """Raise `StartupError` if the account cannot pass an existing parent of `directory`."""
        if self._found is None:
            return
        parents = [parent for parent in reversed(directory.parents) if parent.is_dir()]
        blocked = self._first_blocked(parents)
        if blocked is not None:
            raise StartupError(
                f"the embedded database runs as {self._name}, which has no access to {blocked}, "
                f"a parent directory of {directory}; run Duly as an ordinary user, or set "
                "DULY_DATA_DIR to a directory that all accounts can reach, such as /var/lib/duly"
            )

    def let_pass(self, directory: Path) -> None:
        """Let the account pass through `directory`, which must be Duly's own."""
        mode = stat.S_IMODE(directory.stat().st_mode)
        if self._found is not None and not mode & stat.S_IXOTH:
            directory.chmod(mode | stat.S_IXOTH)

    def make_private(self, directory: Path) -> None:
        """Create `directory`, or take it over, and make it private to this account."""
        directory.mkdir(mode=0o700, exist_ok=True)
        # In a directory that others can write to, one that existed before may be a trap.
        found = directory.lstat()
        uid = os.geteuid() if self._found is None else self._found.pw_uid
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.geteuid(), uid}:
            raise StartupError(f"{directory} belongs to another user; remove it")
        directory.chmod(0o700)
        if self._found is not None:
            os.chown(directory, self._found.pw_uid, self._found.pw_gid)

    @property
    def _name(self) -> str:
        assert self._found is not None
        return self._found.pw_name

    def _first_blocked(self, paths: Iterable[Path]) -> Path | None:
        found = subprocess.run(  # noqa: S603  # our own program
            ["/bin/sh", "-c", _FIND_BLOCKED, "sh", *paths],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            check=False,
            cwd="/",
            **self.options,
        )
        return Path(os.fsdecode(found.stdout)) if found.stdout else None


def _account_for(cluster: Path) -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    with contextlib.suppress(OSError, KeyError):
        if (owner := cluster.stat().st_uid) != 0:
            return pwd.getpwuid(owner)
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise StartupError(
        "PostgreSQL cannot run as root, and there is no account postgres or nobody; "
        "run Duly as an ordinary user"
    )
