"""Bar charts as SVG, legible on light and on dark pages."""

from collections.abc import Mapping, Sequence
from html import escape

_COLORS = ("#4c78a8", "#f58518", "#54a24b", "#b279a2")
_WIDTH = 760
_LABELS = 190
_NUMBERS = 90
_BAR = 13
_GAP = 12
_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#333}"
    "@media(prefers-color-scheme:dark){text{fill:#ccc}}"
)


def bars(
    title: str, groups: Mapping[str, Mapping[str, float]], series: Sequence[str], unit: str
) -> str:
    """Return a chart: for each group, a bar of each series that has a value there."""
    longest = max((value for values in groups.values() for value in values.values()), default=1.0)
    scale = (_WIDTH - _LABELS - _NUMBERS) / (longest or 1.0)
    shapes = [
        f'<text x="0" y="16" style="font-weight:bold">{escape(title)}</text>',
        *_legend(series),
    ]
    y = 56
    for group, values in groups.items():
        shown = [name for name in series if name in values]
        middle = y + len(shown) * _BAR / 2 + 4
        shapes.append(_text(_LABELS - 8, middle, group, anchor="end"))
        for name in shown:
            value, color = values[name], _COLORS[series.index(name) % len(_COLORS)]
            width = max(value * scale, 1)
            shapes += [
                _bar(y, width, color),
                _text(_LABELS + width + 5, y + 10, f"{number(value)} {unit}"),
            ]
            y += _BAR
        y += _GAP
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y}" role="img">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style>\n"
        + "\n".join(shapes)
        + "\n</svg>\n"
    )


def _bar(y: float, width: float, color: str) -> str:
    place = f'x="{_LABELS}" y="{y:g}" width="{width:.1f}" height="{_BAR - 2}"'
    return f'<rect {place} fill="{color}"/>'


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:g}" text-anchor="{anchor}">{escape(text)}</text>'


def _legend(series: Sequence[str]) -> list[str]:
    shapes, x = [], 0.0
    for index, name in enumerate(series):
        color = _COLORS[index % len(_COLORS)]
        shapes.append(f'<rect x="{x:g}" y="28" width="11" height="11" fill="{color}"/>')
        shapes.append(f'<text x="{x + 16:g}" y="38">{escape(name)}</text>')
        x += 34 + 7 * len(name)
    return shapes


def number(value: float) -> str:
    """Return a number with three significant digits, and commas between thousands."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
