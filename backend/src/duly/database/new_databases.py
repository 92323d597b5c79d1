"""A new embedded database, filled before it gets its place in the data directory.

It is created in a directory of its own, so that a fill that fails, or is killed, leaves no database
that a later start would take for a complete one.
"""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from duly.core.errors import StartupError
from duly.database.cluster import RESTORE
from duly.database.embedded import Server, embedded_dsn, exists
from duly.utils.files import sync


@contextlib.contextmanager
def new_database(data_dir: Path) -> Iterator[tuple[str, Path]]:
    """Create a database for the block to fill; yield its DSN, and its directory until then.

    When the block ends, the database is moved to `data_dir`, with a secret key that the block has
    written to the directory. If the block raises, `data_dir` is as it was before: absent, if it was.
    Raises `StartupError` as `embedded.opened` does, or if there is a database already.
    """
    with _as_before(data_dir):
        server = Server(data_dir)
        with server.locked():
            if exists(data_dir):  # another command was faster
                raise StartupError(f"there is a database in {data_dir} already")
            work = data_dir / RESTORE
            fresh = Server(work, account=server.cluster.account)
            _discard(fresh, work)  # of a run that was killed
            try:
                with fresh.locked(), fresh.started():
                    yield embedded_dsn(work), work
                _put_in_place(work, data_dir)
            finally:
                _discard(fresh, work)


def _put_in_place(work: Path, data_dir: Path) -> None:
    """Move the files. The database is last: an interruption before it leaves none."""
    sync(work / "postgres")
    for name in ("secret_key", "postgres"):
        if (work / name).exists():
            (work / name).rename(data_dir / name)
    sync(data_dir)


def _discard(server: Server, work: Path) -> None:
    if work.exists():
        server.cluster.discard()
        shutil.rmtree(work)


@contextlib.contextmanager
def _as_before(data_dir: Path) -> Iterator[None]:
    """If the block raises, remove the directories and the lock that it has created, and say so."""
    missing = [path for path in (data_dir, *data_dir.parents) if not path.exists()]
    lock = data_dir / "lock"
    had_lock = lock.exists()
    try:
        yield
    except BaseException as error:
        if not had_lock:
            lock.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # somebody else has put a file there
            for directory in missing:
                directory.rmdir()
        if isinstance(error, StartupError | OSError):
            # The log of the server that it may refer to is removed, too.
            reason = str(error).partition("; see ")[0]
            outcome = "was not created" if missing else "is unchanged"
            raise StartupError(f"{reason}; {data_dir} {outcome}") from None
        raise
