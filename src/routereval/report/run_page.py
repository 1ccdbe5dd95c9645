"""The report of a run as one page: HTML, style and program in one file that needs no network."""

from __future__ import annotations

import math
from importlib.resources import files
from typing import Any

from routereval.report.cells import visible
from routereval.report.layouts.run import SIMULATED
from routereval.report.run_report import RunReport
from routereval.report.sections.decide import decide_section
from routereval.report.sections.explorer import explorer_data, explorer_section
from routereval.report.sections.research import grid_data, research_section
from routereval.report.sections.tables import Exports
from routereval.report.tags import Html, data, joined, tag, theme_choice
from routereval.results.operating_points import Operating, PoolPoints


def run_page(report: RunReport, title: str = "routereval") -> str:
    """The whole page.

    Args:
        report: what it shows.
        title: its heading.
    """
    exports = Exports()
    body = joined(
        tag("a", "Skip to the verdict", href="#decide", class_="skip"),
        _header(report, title),
        tag(
            "main",
            decide_section(report),
            research_section(report, exports),
            explorer_section(report),
        ),
        _footer(report),
    )
    held = data(_data(report, exports))
    return whole_page(title, joined(body, held))


def whole_page(title: str, body: Html) -> str:
    """A page around its body, with the style and the program."""
    head = joined(
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width,initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("title", title),
        tag("style", Html(_asset("report.css"))),
    )
    program = tag("script", Html(_asset("report.js")))
    return (
        f'<!doctype html>\n<html lang="en">\n<head>{head}</head>\n'
        f"<body>\n{body}\n{program}\n</body>\n</html>\n"
    )


_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"


def _asset(name: str) -> str:
    return files("routereval.report").joinpath("assets", name).read_text(encoding="utf-8")


def _header(report: RunReport, title: str) -> Html:
    info = report.results.info
    hashes = ", ".join(f"{name} {str(value)[:12]}" for name, value in _few(info.get("records", {})))
    facts = [
        str(info.get("started", ""))[:10],
        f"routereval {info.get('version', '')}",
        f"data {hashes}" if hashes else "",
    ]
    links = [("#decide", "Decide"), ("#research", "Research"), ("#prompts", "Prompts")]
    return tag(
        "header",
        tag("h1", title),
        tag("p", SIMULATED, class_="simulated") if report.simulated else "",
        tag("p", " · ".join(filter(None, facts)), class_="note"),
        tag(
            "nav",
            *(tag("a", name, href=place) for place, name in links),
            theme_choice(),
            aria_label="Parts of the report",
            class_="screen-only",
        ),
    )


def _few(hashes: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - of run.json
    held = list(dict(hashes).items())
    return held if len(held) <= 3 else held[:3]


def _footer(report: RunReport) -> Html:
    cells = f"{len(report.results.cells):,} cells"
    where = f"{cells} from {report.source}" if report.source else cells
    return tag("footer", tag("p", f"Made by routereval report of {where}.", class_="note"))


def _data(report: RunReport, exports: Exports) -> dict[str, Any]:
    """What the page's own program draws and filters."""
    return {
        "pools": [_pool(pool) for pool in report.pools],
        "view": [[view.protocol, view.size] for view in report.views],
        "grid": grid_data(report),
        "explorer": explorer_data(report),
        "exports": exports.held,
    }


def _pool(pool: PoolPoints) -> dict[str, Any]:
    factor = 1000.0
    return {
        "name": f"{visible(pool.benchmark)} · m = {pool.size} · {pool.group} · {pool.protocol}",
        "protocol": pool.protocol,
        "size": pool.size,
        "n": pool.n_test,
        "unit": pool.unit,
        "models": [visible(model) for model in pool.models],
        "score": _rounded(pool.score),
        "low": _rounded(pool.low),
        "high": _rounded(pool.high),
        "cost": _rounded(pool.cost * factor),
        "best": pool.best_single,
        "oracle": round(pool.oracle, 4),
        "routers": [_router(one, factor) for one in pool.routers],
    }


def _router(one: Operating, factor: float) -> dict[str, Any]:
    return {
        "name": visible(one.router),
        "lam": [_digits(value / factor) for value in one.lam.tolist()],
        "score": _rounded(one.score),
        "low": _rounded(one.low),
        "high": _rounded(one.high),
        "cost": _rounded(one.cost * factor),
        "sent": _sparse(one.sent, 1.0),
        "spent": _sparse(one.spent, factor),
    }


def _sparse(values: Any, factor: float) -> list[dict[str, float | None]] | None:  # noqa: ANN401
    """Of each point, what is not 0, by the column of the model."""
    if values is None:
        return None
    return [
        {str(n): _digits(value * factor) for n, value in enumerate(row) if value}
        for row in values.tolist()
    ]


def _rounded(values: Any) -> list[float | None]:  # noqa: ANN401 - an array
    return [_digits(value) for value in values.tolist()]


def _digits(value: float) -> float | None:
    """A number with four digits that tell, which a picture cannot show more of."""
    return float(f"{value:.4g}") if math.isfinite(value) else None
