"""Promised against realised gain, over the simulated cases: reads their JSON, writes a picture."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import simulated
import simulated_softmax

PICTURE = Path(__file__).with_name("calibration.png")


def main():
    figure, ax = plt.subplots(figsize=(5.5, 4.5), layout="constrained")
    for label, results, marker in (
        ("Gaussian mean", simulated.RESULTS, "o"),
        ("softmax regression", simulated_softmax.RESULTS, "s"),
    ):
        rows = [case["reml"] for case in json.loads(results.read_text())["cases"].values()]
        promised = [row["promised"] for row in rows]
        realised = [row["over target only"][0] for row in rows]
        errors = [row["over target only"][1] for row in rows]
        ax.errorbar(promised, realised, errors, fmt=marker, ms=5, alpha=0.7, label=label)
    ax.axline((1, 1), slope=1, color="0.6", linewidth=1, label="as promised")
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="promised: expected error / target-only's",
        ylabel="realised: mean error / target-only's",
    )
    ax.legend(frameon=False)
    figure.savefig(PICTURE, dpi=120)


if __name__ == "__main__":
    main()
