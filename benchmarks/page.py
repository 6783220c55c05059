"""Writes docs/performance.md and its plot from the figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from .runs import BURST, LATENCY_SECONDS, RATE
from .script import THREADS

DOCS: Final = Path(__file__).parents[1] / "docs"

PAGE: Final = """\
# Performance

{answer}

For a large schedule:

1. With a self-managed backend (a folder or a bucket), set `PULUMI_SKIP_CHECKPOINTS=true`. Otherwise
   Pulumi writes the whole state before and after every step, so the time grows with the square of
   the number of meetings. With this setting, a killed `up` loses track of the meetings that
   it created: the service ends them five minutes later. Pulumi Cloud doesn't need it.
2. Declare the meetings in `pulumi.run`, as the project's `__main__.py` does, so that Pulumi creates
   the first ones while the program declares the others.
3. Request [higher quotas](https://docs.aws.amazon.com/chime-sdk/latest/dg/meetings-sdk-quotas.html).
   By default an account can have 250 active meetings in a region. The quota of {rate:.0f} requests
   per second for each operation determines nearly all of the time.

![Seconds for 1,000 meetings: the quotas' minimum, this provider, and a script](performance.svg)

All figures are whole commands of the real Pulumi CLI against the emulator, which has the service's
quotas ({rate:.0f} requests per second for each operation, {burst:.0f} at once) and answers after
{latency:.0f} ms. The minimum is what these allow. The script calls boto3 from {threads} threads,
with boto3's adaptive retries. The quota of active meetings was raised. Create, change and destroy
ran with `PULUMI_SKIP_CHECKPOINTS=true`, except for the 15 meetings and in rows "with checkpoints".

{tables}
{links}
With the example schedule, and 148 attendees in the join desk. `make recoveries`
measures again.

Measured on {processors} processors, at a load average of {load}, with Python {python}, pulumi
{pulumi} and boto3 {boto3}.
`make bench` measures again and writes this page.
"""

TITLES: Final = {
    "day": "15 meetings of 11 attendees, at the quotas",
    "thousand": "1,000 meetings of 10 attendees, at the quotas",
    "large": "250 meetings of 20 attendees, at the quotas",
    "plugin": "The same by the plugin, which reads each meeting before it changes or ends it",
    "checkpoints": "100 meetings of 20 attendees, without quotas, by what the stack exports",
    "overhead": "300 meetings of 10 attendees, without quotas",
}

LINKS: Final = {
    "ends": "a meeting's end to the new value of all of its links",
    "clicks": "20 first clicks at once to a meeting that can be joined",
}


def text(figures: Mapping[str, Any]) -> str:
    """The page."""
    return PAGE.format(
        answer=_answer(figures),
        tables="\n".join(_figures(title, figures[case]) for case, title in TITLES.items()),
        links=_links(figures["links"]),
        rate=RATE,
        burst=BURST,
        latency=LATENCY_SECONDS * 1000,
        threads=THREADS,
        **figures["machine"],
    )


def write(figures: Mapping[str, Any]) -> None:
    """Write the page and the plot."""
    (DOCS / "performance.md").write_text(text(figures))
    _plot(figures["thousand"], DOCS / "performance.svg")


def _answer(figures: Mapping[str, Any]) -> str:
    day, many = (
        next(each for each in figures[case] if each["what"] == "create")
        for case in ("day", "thousand")
    )
    return (
        f"**15 meetings: the first is there after {day['first']:.1f} seconds, the last after "
        f"{day['seconds']:.1f}.**\n1,000 meetings take {many['seconds']:.0f} seconds, "
        f"{many['seconds'] / many['minimum']:.2f} times the {many['minimum']:.0f} seconds that the "
        "service's quotas allow."
    )


def _figures(title: str, figures: list[dict[str, Any]]) -> str:
    rows = []
    for figure in figures:
        least = figure["minimum"]
        # Below a second, the ratio would only show the start of Pulumi.
        ratio = f"{figure['seconds'] / least:.2f}" if least and least >= 1 else ""
        memory = f"{figure['megabytes']:.0f} MB" if figure["megabytes"] else ""
        shown = f"{least:.1f}" if least else ""
        rows.append((figure["what"], f"{figure['seconds']:.1f}", shown, ratio, memory))
    return _table(title, ("command", "seconds", "minimum", "ratio", "largest process"), rows)


def _links(figures: Mapping[str, Mapping[str, float]]) -> str:
    rows = [
        (title, str(found["times"]), f"{found['median']:.1f}", f"{found['worst']:.1f}")
        for kind, title in LINKS.items()
        if (found := figures.get(kind))
    ]
    columns = ("from", "times", "median, seconds", "worst, seconds")
    return _table("Links with the watcher", columns, rows)


def _table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(cells)} |" for cells in rows]
    header = [f"| {' | '.join(columns)} |", "| --- |" + " ---: |" * (len(columns) - 1)]
    return "\n".join([f"## {title}", "", *header, *lines]) + "\n"


def _plot(figures: list[dict[str, Any]], path: Path) -> None:
    import matplotlib

    matplotlib.use("svg")
    # With the same figures, the file stays the same.
    matplotlib.rcParams["svg.hashsalt"] = "performance"
    from matplotlib import pyplot

    drawing, axes = pyplot.subplots(figsize=(8, 3))
    bars = [(f["what"], f["seconds"]) for f in reversed(figures)]
    bars.append(("minimum of the quotas", figures[0]["minimum"]))
    axes.barh([name for name, _ in bars], [seconds for _, seconds in bars], color="#4477aa")
    axes.axvline(figures[0]["minimum"], color="#cc3311", linewidth=1)
    axes.set_xlabel("seconds")
    drawing.tight_layout()
    drawing.savefig(path, metadata={"Date": None})
