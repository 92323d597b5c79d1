"""What `duly doctor` finds: one line for each part, and what to do about it."""

from dataclasses import asdict, dataclass
from typing import Literal

Status = Literal["ok", "warning", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found out about a part. `advice` says what to do, unless it is fine."""

    check: str
    status: Status
    message: str
    advice: str | None = None

    def as_dict(self) -> dict[str, str | None]:
        """The members of its JSON object."""
        return asdict(self)


def ok(check: str, message: str) -> Finding:
    """Nothing is to be done."""
    return Finding(check, "ok", message)


def warning(check: str, message: str, advice: str) -> Finding:
    """Duly works, but something should be changed."""
    return Finding(check, "warning", message, advice)


def problem(check: str, message: str, advice: str) -> Finding:
    """Duly, or a part of it, does not work."""
    return Finding(check, "problem", message, advice)
