"""Charts as SVG text. Colours are classes of style.css, so that they follow light, dark and print."""

import math
from collections.abc import Mapping, Sequence

from markupsafe import Markup

Point = tuple[float, float]


def bar(share: float, kind: str = "accent") -> Markup:
    """A horizontal bar, `share` (0..1) of the cell's width; mirrored by the style sheet in right-to-left text."""
    return _strip(_rect(0, 100 * share, kind))


def bars(before: float, after: float) -> Markup:
    """Two bars over one another, as shares of the cell: what there was, pale, and what is left of it."""
    return _strip(_rect(0, 100 * before, "pale"), _rect(0, 100 * after, "accent"))


def step(left: float, removed: float) -> Markup:
    """One step of a waterfall: the share that goes on, and next to it the share that ends here."""
    return _strip(_rect(0, 100 * left, "accent"), _rect(100 * left, 100 * removed, "removed"))


def interval(value: float, low: float, high: float, scale: Point, better: int | None = None) -> Markup:
    """A dot and its whiskers on a scale shared by the rows of a table.

    `better` makes it a difference: the line of none is drawn, and what is clear of it is coloured as better or worse
    by the direction that is better: 1 upwards, -1 downwards, 0 neither.
    """
    left, right = scale
    width = (right - left) or 1.0

    def place(x: float) -> float:
        return 4 + 192 * (min(max(x, left), right) - left) / width

    parts = [Markup('<line class="track" x1="4" x2="196" y1="10" y2="10"/>')]
    if better is not None:
        parts.append(Markup('<line class="zero" x1="{0:.1f}" x2="{0:.1f}" y1="0" y2="20"/>').format(place(0.0)))
    direction = (better or 0) * ((low > 0) - (high < 0))
    kind = {1: "better", 0: "even", -1: "worse"}[direction]
    parts.append(
        Markup('<line class="whisker {}" x1="{:.1f}" x2="{:.1f}" y1="10" y2="10"/>').format(
            kind, place(low), place(high)
        )
    )
    parts.append(Markup('<circle class="dot {}" cx="{:.1f}" cy="10" r="4.5"/>').format(kind, place(value)))
    return Markup('<svg class="interval" viewBox="0 0 200 20" aria-hidden="true">{}</svg>').format(_join(parts))


def lines(series: Mapping[str, Sequence[Point]], x_label: str, y_label: str, title: str) -> Markup:
    """Line chart of (x, y) points by name, drawn left to right in every language, as axes of numbers are."""
    points = [point for line in series.values() for point in line]
    x_ticks = ticks(min(x for x, _ in points), max(x for x, _ in points))
    y_ticks = ticks(min(y for _, y in points), max(y for _, y in points))
    width, height, left, bottom = 720, 300, 64, 48
    right, top = width - 16, 28

    def x_place(x: float) -> float:
        return left + (right - left) * (x - x_ticks[0]) / (x_ticks[-1] - x_ticks[0])

    def y_place(y: float) -> float:
        return height - bottom - (height - bottom - top) * (y - y_ticks[0]) / (y_ticks[-1] - y_ticks[0])

    parts = [Markup("<title>{}</title>").format(title)]
    for y in y_ticks:
        parts.append(_line("grid", left, right, y_place(y), y_place(y)))
        parts.append(_text(left - 8, y_place(y) + 4, f"{y:g}", "end"))
    for x in x_ticks:
        parts.append(_text(x_place(x), height - bottom + 18, f"{x:g}", "middle"))
    parts.append(_text((left + right) / 2, height - 8, x_label, "middle"))
    parts.append(_text(8, 14, y_label, "start"))
    for number, line in enumerate(series.values(), 1):
        path = " ".join(f"{x_place(x):.1f},{y_place(y):.1f}" for x, y in line)
        parts.append(Markup('<polyline class="line series{}" points="{}"/>').format(number, path))
        parts += [
            Markup('<circle class="point series{}" cx="{:.1f}" cy="{:.1f}" r="3"/>').format(
                number, x_place(x), y_place(y)
            )
            for x, y in line
            if len(line) <= 60
        ]
    chart = Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" direction="ltr">{}</svg>').format(
        width, height, _join(parts)
    )
    return chart + _legend(list(series))


def histogram(values: Sequence[float], limits: Mapping[str, float], below: bool) -> tuple[Markup, int]:
    """How many values lie where, those beyond the first limit in another colour, and a line at each limit by kind.

    Beside it how many values the highest bar stands for.
    """
    width, height, floor = 320, 120, 100
    values, limits = [round(value, 6) for value in values], {kind: round(at, 6) for kind, at in limits.items()}
    edges = ticks(min(*values, *limits.values()), max(*values, *limits.values()), 24)
    first, stride = edges[0], edges[1] - edges[0]
    line = (max if below else min)(limits.values())
    counts = [[0, 0] for _ in edges[1:]]
    for value in values:
        place = min(int((value - first) / stride + 1e-9), len(counts) - 1)
        counts[place][value < line if below else value >= line] += 1
    most = max(map(sum, counts))

    def x_place(x: float) -> float:
        return 8 + (width - 16) * (x - first) / (edges[-1] - first)

    parts: list[Markup] = []
    for number, pair in enumerate(counts):
        top = float(floor)
        for amount, kind in zip(pair, ("pale", "removed"), strict=True):
            size = max(84 * amount / most, 1.5) if amount else 0  # what is there at all must be seen
            top -= size
            parts.append(_box(kind, x_place(edges[number]), top, (width - 16) / len(counts) - 1, size))
    parts.append(_line("grid", 8, width - 8, floor, floor))
    parts += [_line(f"limit {kind}", x_place(at), x_place(at), 4, floor) for kind, at in limits.items()]
    for at, anchor in ((edges[0], "start"), (edges[-1], "end")):
        parts.append(_text(x_place(at), height - 4, f"{at:g}", anchor))
    drawing = Markup('<svg class="chart" viewBox="0 0 {} {}" aria-hidden="true" direction="ltr">{}</svg>')
    return drawing.format(width, height, _join(parts)), most


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers that enclose [low, high], evenly spaced by 1, 2 or 5 times a power of ten."""
    if not high > low:
        low, high = low - 0.5, high + 0.5
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    stride = next((power * m for m in (1, 2, 5) if power * m >= raw), power * 10)
    first, last = math.floor(low / stride), math.ceil(high / stride)
    return [round(n * stride, 12) for n in range(first, last + 1)]


def _legend(names: Sequence[str]) -> Markup:
    items = [
        Markup('<li><span class="swatch series{}" aria-hidden="true"></span>{}</li>').format(number, name)
        for number, name in enumerate(names, 1)
    ]
    return Markup('<ul class="legend">{}</ul>').format(_join(items))


def _strip(*parts: Markup) -> Markup:
    return Markup(
        '<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">{}</svg>'
    ).format(_join(parts))


def _rect(x: float, width: float, kind: str) -> Markup:
    # A thing that is there at all must be seen.
    seen = max(width, 0.6) if width > 0 else 0
    return Markup('<rect class="{}" x="{:.2f}" width="{:.2f}" height="10"/>').format(kind, min(x, 100 - seen), seen)


def _box(kind: str, x: float, y: float, width: float, height: float) -> Markup:
    if not height:
        return Markup("")
    return Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
        kind, x, y, width, height
    )


def _line(kind: str, x1: float, x2: float, y1: float, y2: float) -> Markup:
    return Markup('<line class="{}" x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}"/>').format(kind, x1, x2, y1, y2)


def _text(x: float, y: float, text: str, anchor: str) -> Markup:
    return Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(x, y, anchor, text)


def _join(parts: Sequence[Markup]) -> Markup:
    return Markup("").join(parts)
