"""Acknowledged writes over time, with the faults marked, as SVG for light and dark pages."""

from collections.abc import Mapping
from html import escape

from bench.chaos.load import BIN, Timeline

_WIDTH = 900
_LEFT = 40
_HEIGHT = 110
_GAP = 34
_TOP = 66
_COLORS = (
    "#4c78a8",
    "#e45756",
    "#54a24b",
    "#b279a2",
    "#eeca3b",
    "#72b7b2",
    "#f58518",
    "#9d755d",
)
_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#333}.line{fill:none;stroke:#555;stroke-width:1}"
    ".axis{stroke:#999;stroke-width:.5}"
    "@media(prefers-color-scheme:dark){text{fill:#ccc}.line{stroke:#bbb}}"
)


def picture(timelines: Mapping[str, Timeline]) -> str:
    """Return a panel for each timeline. Only time in which clients were running is shown."""
    faults = list(dict.fromkeys(name for one in timelines.values() for _, name in one.marks))
    colors = dict(zip(faults, _COLORS, strict=False))
    top = max((max(one.bins.values(), default=1) for one in timelines.values()), default=1)
    longest = max((one.seconds for one in timelines.values()), default=1.0)
    wide = (_WIDTH - _LEFT) / longest
    title = "Acknowledged writes per second"
    shapes = [f'<text x="0" y="14" style="font-weight:bold">{title}</text>', *_legend(colors)]
    y = _TOP
    for name, timeline in timelines.items():
        shapes += _panel(name, timeline, colors, y=y, wide=wide, high=_HEIGHT / top)
        y += _HEIGHT + _GAP
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y}" role="img">'
        f"<title>{title}, and faults</title><style>{_STYLE}</style>\n"
        + "\n".join(shapes)
        + "\n</svg>\n"
    )


def _panel(
    name: str,
    timeline: Timeline,
    colors: Mapping[str, str],
    *,
    y: float,
    wide: float,
    high: float,
) -> list[str]:
    bottom = y + _HEIGHT
    shapes = [f'<text x="{_LEFT}" y="{y - 6:g}">{escape(name)}</text>']
    for moment, fault in timeline.marks:
        x = _LEFT + moment * wide
        shapes.append(
            f'<path d="M{x:.1f} {y:g}V{bottom:g}" stroke="{colors[fault]}" stroke-width="2">'
            f"<title>{escape(fault)}</title></path>"
        )
    # The last point is of a part of an interval.
    points = " ".join(
        f"{_LEFT + (number + 0.5) * BIN * wide:.1f},{bottom - timeline.bins[number] * high:.1f}"
        for number in range(int(timeline.seconds / BIN))
    )
    shapes.append(f'<polyline class="line" points="{points}"/>')
    shapes.append(f'<path class="axis" d="M{_LEFT} {bottom:g}H{_WIDTH}"/>')
    step = 100
    for value in range(0, int(_HEIGHT / high / BIN) + 1, step * 2):
        place = bottom - value * BIN * high
        shapes.append(
            f'<text x="{_LEFT - 6}" y="{place + 4:.1f}" text-anchor="end">{value}</text>'
        )
    for second in range(0, int(timeline.seconds) + 1, 60):
        x = _LEFT + second * wide
        shapes.append(f'<text x="{x:.1f}" y="{bottom + 14:g}">{second // 60} min</text>')
    return shapes


def _legend(colors: Mapping[str, str]) -> list[str]:
    shapes, x = [], 0.0
    for name, color in colors.items():
        shapes.append(f'<rect x="{x:g}" y="24" width="11" height="11" fill="{color}"/>')
        shapes.append(f'<text x="{x + 15:g}" y="34">{escape(name)}</text>')
        x += 25 + 5.8 * len(name)
    return shapes
