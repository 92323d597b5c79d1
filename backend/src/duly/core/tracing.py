"""Whether traces are exported: the variables of OpenTelemetry say so, not settings of Duly."""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import NamedTuple

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_PROTOCOL = "http/protobuf"


class Tracing(NamedTuple):
    """Whether traces are exported; if they are wanted and are not, `obstacle` is the reason."""

    is_on: bool
    obstacle: str | None = None


def read_tracing(environment: Mapping[str, str]) -> Tracing:
    """Return whether the environment asks for traces that Duly can export."""
    exporter = environment.get("OTEL_TRACES_EXPORTER", "").strip().lower() or "otlp"
    is_disabled = environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    if is_disabled or exporter == "none" or _first(environment, _ENDPOINTS) is None:
        return Tracing(is_on=False)
    obstacle = _obstacle(exporter, _first(environment, _PROTOCOLS) or _PROTOCOL)
    return Tracing(is_on=obstacle is None, obstacle=obstacle)


def _obstacle(exporter: str, protocol: str) -> str | None:
    if exporter != "otlp":
        return f"OTEL_TRACES_EXPORTER: must be otlp or none, not {exporter}"
    if protocol != _PROTOCOL:
        return f"OTEL_EXPORTER_OTLP_PROTOCOL: must be {_PROTOCOL}, not {protocol}"
    if not _is_installed("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http"):
        return "the packages are missing; install duly[traces]"
    return None


def _is_installed(*modules: str) -> bool:
    try:
        return all(find_spec(module) is not None for module in modules)
    except ModuleNotFoundError:  # a package above it
        return False


def _first(environment: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((value for name in names if (value := environment.get(name, "").strip())), None)
