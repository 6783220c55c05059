"""Writes docs/performance.md and its plot from the figures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from .cases import CASES, THREADS
from .ideal import BURST, LATENCY_SECONDS, RATE, minimum

DOCS: Final = Path(__file__).parents[1] / "docs"

PAGE: Final = """\
# Performance

{answer}

For a large schedule:

1. With a self-managed backend (a folder or a bucket), set `PULUMI_SKIP_CHECKPOINTS=true`. Otherwise
   Pulumi writes the whole state before and after every step, so the time grows with the square of
   the number of meetings. With this setting, a killed `up` loses track of the meetings that it
   created: the service ends them five minutes later. Pulumi Cloud doesn't need it.
2. Declare the meetings in `pulumi.run`, as the project's `__main__.py` does, so that Pulumi creates
   the first ones while the program declares the others.
3. Request
   [higher quotas](https://docs.aws.amazon.com/chime-sdk/latest/dg/meetings-sdk-quotas.html).
   By default an account can have 250 active meetings in a region. The quota of {rate:.0f} requests
   per second for each operation determines nearly all of the time.

![Seconds for 1,000 meetings: the quotas' minimum, this provider, and a script](performance.svg)

All figures are whole commands of the real Pulumi CLI against the emulator, which has the service's
quotas ({rate:.0f} requests per second for each operation, {burst:.0f} at once) and answers after
{latency:.0f} ms. The minimum is the same command with a provider that makes no calls, and waits
exactly as long as the quotas demand. The script calls boto3 from {threads} threads, with boto3's
adaptive retries. The quota of active meetings was raised. All but the 15 meetings ran with
`PULUMI_SKIP_CHECKPOINTS=true`.

With `pulumi up --refresh --run-program`, Pulumi refreshes each meeting when the program declares
it, and not all meetings before the program starts.

{tables}
{links}
With the example schedule, and 148 attendees in the join desk. `make recoveries` measures again.

Measured on {processors} processors, at a load average of {load}, with Python {python}, Pulumi's
CLI {cli} and SDK {pulumi}, and boto3 {boto3}. `make bench` measures again and writes this page.
"""

LINKS: Final = {
    "ends": "a meeting's end to the new value of all of its links",
    "clicks": "20 first clicks at once to a meeting that can be joined",
}


def text(figures: Mapping[str, Any]) -> str:
    """The page."""
    return PAGE.format(
        answer=_answer(figures),
        tables="\n".join(_figures(str(case.__doc__)[:-1], figures[n]) for n, case in CASES.items()),
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
    day, many = (next(f for f in figures[c] if f["what"] == "create") for c in ("day", "thousand"))
    least = minimum(1000)
    return (
        f"**15 meetings: the first is there after {day['first']:.1f} seconds, the last after "
        f"{day['seconds']:.1f}.**\n1,000 meetings take {many['seconds']:.0f} seconds, "
        f"{many['seconds'] / least:.2f} times the {least:.0f} seconds that the service's quotas "
        "allow."
    )


def _figures(title: str, figures: list[dict[str, Any]]) -> str:
    rows = []
    for figure in figures:
        least, memory = figure["minimum"], figure["megabytes"]
        shown = [f"{least:.1f}", f"{figure['seconds'] / least:.2f}"] if least else ["", ""]
        used = f"{memory:.0f} MB" if memory else ""
        rows.append([figure["what"], f"{figure['seconds']:.1f}", *shown, used])
    return _table(title, ["command", "seconds", "minimum", "ratio", "largest process"], rows)


def _links(figures: Mapping[str, Mapping[str, float]]) -> str:
    rows = [
        [title, str(found["times"]), f"{found['median']:.1f}", f"{found['worst']:.1f}"]
        for kind, title in LINKS.items()
        if (found := figures.get(kind))
    ]
    return _table("Links with the watcher", ["from", "times", "median, s", "worst, s"], rows)


def _table(title: str, columns: list[str], rows: list[list[str]]) -> str:
    rule = ["---", *["---:"] * (len(columns) - 1)]
    lines = [f"| {' | '.join(cells)} |" for cells in (columns, rule, *rows)]
    return "\n".join([f"## {title}", "", *lines]) + "\n"


def _plot(figures: list[dict[str, Any]], path: Path) -> None:
    import matplotlib

    matplotlib.use("svg")
    # With the same figures, the file stays the same.
    matplotlib.rcParams["svg.hashsalt"] = "performance"
    from matplotlib import pyplot

    drawing, axes = pyplot.subplots(figsize=(8, 3))
    bars = {f["what"]: f["seconds"] for f in reversed(figures)} | {"the quotas": minimum(1000)}
    axes.barh(list(bars), list(bars.values()), color="#4477aa")
    axes.axvline(minimum(1000), color="#cc3311", linewidth=1)
    axes.set_xlabel("seconds")
    drawing.tight_layout()
    drawing.savefig(path, metadata={"Date": None})
