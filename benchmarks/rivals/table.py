"""The rivals' table and picture, from benchmarks/results/rivals.json into docs/benchmarks.md.

Means over suites of means over their target domains of means over draws; the standard error is that
over domains within their suites. The gap's count is that of target domains where a method's log
loss is above target only's.
What stands between the two marks on that page is replaced; nothing there is written by hand.

    .venv/bin/python benchmarks/rivals/table.py
"""

import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

HERE = Path(__file__).parent
RESULTS = HERE.parent / "results" / "rivals.json"
PAGE = HERE.parents[1] / "docs" / "benchmarks.md"
PICTURE = PAGE.parent / "images" / "rivals.png"
MARKS = ("<!-- rivals: begin -->\n", "<!-- rivals: end -->\n")
OURS = ("UOWQ", "gate")


def load():
    """Cells that every method has: ``cells[suite][target, draw][method]``."""
    cells, methods = {}, []
    for key, values in json.loads(RESULTS.read_text()).items():
        suite, target, draw, method = key.split("|")
        if method not in methods:
            methods.append(method)
        cells.setdefault(suite, {}).setdefault((target, draw), {})[method] = values
    complete = {
        suite: {place: cell for place, cell in found.items() if len(cell) == len(methods)}
        for suite, found in cells.items()
    }
    return {suite: found for suite, found in complete.items() if found}, methods


def by_domain(found, method):
    """Log loss and accuracy of each target domain, means over its draws."""
    domains = {}
    for (target, _), cell in found.items():
        domains.setdefault(target, []).append(cell[method][:2])
    return np.array([np.mean(values, axis=0) for values in domains.values()])


def summary(cells, method):
    """One row of the table: means over suites, medians of seconds, the most memory, failures."""
    by_suite, errors, harmed, domains, seconds, memory, failed, total = [], [], 0, 0, [], [], 0, 0
    for found in cells.values():
        values, alone = by_domain(found, method), by_domain(found, "target only")
        gaps = values[:, 0] - alone[:, 0]
        by_suite.append([*values.mean(axis=0), gaps.mean()])
        errors.append(values[:, 1].var(ddof=1) / len(values))
        harmed += np.sum(gaps > 0)
        domains += len(gaps)
        seconds += [cell[method][2] for cell in found.values()]
        memory += [cell[method][3] for cell in found.values()]
        failed += sum(cell[method][4] != "" for cell in found.values())
        total += len(found)
    loss, accuracy, gap = np.mean(by_suite, axis=0)
    error = np.sqrt(np.sum(errors)) / len(errors)
    return {
        "loss": loss,
        "accuracy": accuracy,
        "error": error,
        "gap": gap,
        "harmed": f"{harmed} of {domains}",
        "seconds": np.median(seconds),
        "memory": np.max(memory),
        "failed": f"{failed} of {total}" if failed else "",
    }


def markdown(cells, found):
    n_domains = sum(len({target for target, _ in places}) for places in cells.values())
    n_cells = sum(len(places) for places in cells.values())
    lines = [
        f"{len(cells)} suites, {n_domains} target domains, {n_cells} draws of ten labelled rows a "
        "class, at most 300 rows of each source (`make bench-rivals`); means over suites, the",
        "median of the seconds and the largest memory of a fit; best in bold. Failed fits count as "
        "target only. TrAdaBoost has no probabilities: its",
        'log loss is that of .9 on its label. "harmed": target domains whose log loss is above '
        "target only's.",
        "",
        "| | accuracy | log loss | gap | harmed | seconds | MB | failed |",
        "|---|---|---|---|---|---|---|---|",
    ]
    best = {
        "accuracy": max(row["accuracy"] for row in found.values()),
        "loss": min(row["loss"] for row in found.values()),
    }
    for method, row in found.items():
        accuracy = f"{row['accuracy']:.3f}"
        loss = f"{row['loss']:.3f}"
        accuracy = f"**{accuracy}**" if row["accuracy"] == best["accuracy"] else accuracy
        loss = f"**{loss}**" if row["loss"] == best["loss"] else loss
        lines.append(
            f"| {method} | {accuracy} ({row['error']:.3f}) | {loss} | {row['gap']:+.3f} | "
            f"{row['harmed']} | {row['seconds']:.2f} | {row['memory']:.0f} | {row['failed']} |"
        )
    return "\n".join(lines) + "\n"


def winners(cells, methods):
    """Who has the least log loss on each suite."""
    lines = ["", "Least log loss by suite: "]
    parts = []
    for suite, found in cells.items():
        means = {m: by_domain(found, m)[:, 0].mean() for m in methods}
        best = min(means, key=means.get)
        rank = sorted(means.values()).index(means["UOWQ"]) + 1
        behind = "" if rank == 1 else f"; UOWQ {means['UOWQ']:.3f}, rank {rank}"
        parts.append(f"{suite} {best} ({means[best]:.3f}{behind})")
    lines[-1] += "; ".join(parts) + "."
    return "\n".join(lines) + "\n"


def draw(found):
    """A row for each method, the most accurate on top, and the seconds of a fit beside it."""
    rows = sorted(found.items(), key=lambda item: item[1]["accuracy"])
    figure, ax = plt.subplots(figsize=(8, 0.6 + 0.27 * len(rows)), layout="constrained")
    kinds = {}
    for k, (method, row) in enumerate(rows):
        ours = method.startswith(OURS)
        style = {"color": "#1f4e79" if ours else "#d1662a", "fmt": "o" if ours else "s"}
        filled = {"markerfacecolor": style["color"] if ours else "white", "capsize": 2}
        drawn = ax.errorbar(row["accuracy"], k, xerr=2 * row["error"], **style, **filled)
        kinds["skuowq" if ours else "others"] = drawn
        seconds = f"{row['seconds']:.2f} s"
        place = {"xycoords": ax.get_yaxis_transform(), "ha": "right", "va": "center"}
        ax.annotate(seconds, (1.12, k), annotation_clip=False, fontsize="small", **place)
    ax.set_yticks(range(len(rows)), [method for method, _ in rows])
    for label, (method, _) in zip(ax.get_yticklabels(), rows, strict=True):
        label.set_fontweight("bold" if method.startswith(OURS) else "normal")
    ax.set_xlabel(
        "accuracy (mean over suites, two standard errors); right: median seconds of a fit"
    )
    ax.set_ylim(-0.6, len(rows) - 0.4)
    ax.legend(kinds.values(), kinds, loc="lower right", reverse=True)
    ax.grid(axis="x", alpha=0.3)
    ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(PICTURE, dpi=120)


def main():
    cells, methods = load()
    found = {method: summary(cells, method) for method in methods}
    draw(found)
    text = PAGE.read_text()
    before, rest = text.split(MARKS[0])
    _, after = rest.split(MARKS[1])
    table = markdown(cells, found) + winners(cells, methods)
    PAGE.write_text(before + MARKS[0] + table + MARKS[1] + after)
    print(table)


if __name__ == "__main__":
    main()
