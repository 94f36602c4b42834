"""Plots as inline SVG: no scripts, no fonts, nothing fetched."""

from __future__ import annotations

from html import escape

WIDTH, HEIGHT = 860, 240
LEFT, BOTTOM, TOP = 56, 34, 12


def _nice(top: float) -> float:
    step = 1.0
    while True:
        for factor in (1, 2, 5):
            if step * factor * 4 >= top:
                return step * factor
        step *= 10


def bars(title: str, rows: list[tuple[str, list[int]]], names: list[str], colours: list[str]) -> str:
    """Stacked bars over labels (days, months); one colour a series, with a legend."""
    if not rows:
        return ""
    top = max(1, max(sum(values) for _, values in rows))
    step = max(1.0, _nice(top))
    high = step * 4 if step * 4 >= top else step * 5
    plot_w, plot_h = WIDTH - LEFT - 12, HEIGHT - BOTTOM - TOP
    wide = plot_w / len(rows)
    out = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT + 22}" role="img" aria-label="{escape(title)}">']
    ticks = 0.0
    while ticks <= high:
        y = TOP + plot_h * (1 - ticks / high)
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - 12}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>')
        out.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{ticks:,.0f}</text>')
        ticks += step
    every = max(1, -(-len(rows) // 12))
    for i, (label, values) in enumerate(rows):
        x = LEFT + i * wide
        y = TOP + plot_h
        for value, name, colour in zip(values, names, colours, strict=True):
            tall = plot_h * value / high
            y -= tall
            if value:
                out.append(
                    f'<rect x="{x + wide * 0.1:.2f}" y="{y:.2f}" width="{max(0.8, wide * 0.8):.2f}" height="{tall:.2f}" fill="{colour}">'
                    f"<title>{escape(label)}: {value:,} {escape(name)}</title></rect>"
                )
        if i % every == 0:
            out.append(f'<text x="{x + wide / 2:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{escape(label)}</text>')
    x = float(LEFT)
    for name, colour in zip(names, colours, strict=True):
        out.append(f'<rect x="{x:.0f}" y="{HEIGHT + 4}" width="12" height="12" fill="{colour}"/>')
        out.append(f'<text x="{x + 17:.0f}" y="{HEIGHT + 14}">{escape(name)}</text>')
        x += 34 + 7.2 * len(name)
    out.append("</svg>")
    return f"<figure><figcaption>{escape(title)}</figcaption>{''.join(out)}</figure>"


def ranks(title: str, rows: list[tuple[str, int]], colour: str) -> str:
    """Horizontal bars, the longest first."""
    if not rows:
        return ""
    top = max(count for _, count in rows)
    tall = 24 * len(rows) + 8
    out = [f'<svg viewBox="0 0 {WIDTH} {tall}" role="img" aria-label="{escape(title)}">']
    for i, (label, count) in enumerate(rows):
        y = 4 + 24 * i
        out.append(f'<text x="200" y="{y + 14}" text-anchor="end">{escape(label[:28])}</text>')
        out.append(f'<rect x="208" y="{y}" width="{max(1.0, 560 * count / top):.1f}" height="18" fill="{colour}"/>')
        out.append(f'<text x="{214 + 560 * count / top:.1f}" y="{y + 14}">{count:,}</text>')
    out.append("</svg>")
    return f"<figure><figcaption>{escape(title)}</figcaption>{''.join(out)}</figure>"
