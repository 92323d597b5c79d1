"""Flame graphs as SVG: a box for each function, as wide as its share of the samples."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape

_WIDTH = 1000
_HEIGHT = 15
_LEAST = 1.5
"""Boxes narrower than that are left out."""
_COLORS = {"duly": "#f4a261", "psycopg": "#8ab6d6", "psycopg_binary": "#8ab6d6"}
_OTHER = "#d8c9a8"
_LETTER = 6.2


@dataclass
class _Box:
    samples: int = 0
    above: dict[str, "_Box"] = field(default_factory=dict)


def graph(title: str, stacks: Mapping[tuple[str, ...], int]) -> str:
    """Return the graph of stacks, each from the outermost function, with their counts."""
    root = _Box(sum(Counter(stacks).values()))
    for stack, samples in stacks.items():
        box = root
        for name in stack:
            box = box.above.setdefault(name, _Box())
            box.samples += samples
    while len(root.above) == 1:  # how this process was started
        [root] = root.above.values()
    shapes: list[str] = []
    depth = _draw(root, 0, 0.0, _WIDTH / max(root.samples, 1), shapes)
    height = (depth + 1) * _HEIGHT + 8
    style = "text{font:10px system-ui,sans-serif;fill:#222}rect{stroke:#fff;stroke-width:.4}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">'
        f"<title>{escape(title)}</title><style>{style}</style>\n"
        + "\n".join(shapes)
        + "\n</svg>\n"
    )


def _draw(box: _Box, depth: int, left: float, scale: float, shapes: list[str]) -> int:
    """Draw what `box` called, from the top down; return how deep that is."""
    deepest = depth
    for name, one in sorted(box.above.items()):
        width = one.samples * scale
        if width >= _LEAST:
            shapes.append(_shape(name, one.samples, (left, depth * _HEIGHT, width)))
            deepest = max(deepest, _draw(one, depth + 1, left, scale, shapes))
        left += width
    return deepest


def _shape(name: str, samples: int, place: tuple[float, float, float]) -> str:
    x, y, width = place
    color = _COLORS.get(name.partition(".")[0], _OTHER)
    short = name.rpartition(".")[2] if len(name) * _LETTER > width else name
    text = short[: int(width / _LETTER)] if width > 3 * _LETTER else ""
    return (
        f"<g><title>{escape(name)}: {samples} samples</title>"
        f'<rect x="{x:.1f}" y="{y:g}" width="{width:.1f}" height="{_HEIGHT}" fill="{color}"/>'
        f'<text x="{x + 2:.1f}" y="{y + 11:g}">{escape(text)}</text></g>'
    )
