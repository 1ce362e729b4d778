"""Wall and processor time of the default call, by the number of threads of linear algebra.

    .venv/bin/python benchmarks/threads.py

Each fit runs in a process of its own: with no environment variable set, as users call it, and with
1, 2, ... BLAS and OpenMP threads. Once the machine has nothing else to do, once another process
keeps one core busy. The rounds go through all settings in turn, so that what else happens on the
machine meets them alike. The table has the median over rounds (and the range), and the ratio of
the default's median to the least one.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
# Rows of the target, rows a source, sources, features, classes.
CASES = {
    "digits": None,
    "small": (50, 500, 5, 20, 3),
    "medium": (200, 5_000, 5, 100, 2),
    "large": (500, 12_000, 5, 300, 2),
}


def measured(case):
    """Seconds of a second fit, after one that has loaded what it needs: wall and processor."""
    from skuowq import UOWQClassifier
    from skuowq.datasets import load_digit_domains, make_classification_tasks

    if CASES[case] is None:
        tasks = load_digit_domains(random_state=0)
    else:
        n_target, n, n_sources, n_features, n_classes = CASES[case]
        tasks = make_classification_tasks(
            n_target=n_target,
            n_samples=(n,) * n_sources,
            discrepancies=[0.02 * k for k in range(n_sources)],
            n_features=n_features,
            n_classes=n_classes,
            random_state=0,
        )
    for _ in range(2):
        start = time.perf_counter(), time.process_time()
        UOWQClassifier().fit(tasks.X_target, tasks.y_target, tasks.sources)
        seconds = time.perf_counter() - start[0], time.process_time() - start[1]
    return seconds


def run(case, n_threads):
    environment = {k: v for k, v in os.environ.items() if k not in VARIABLES}
    if n_threads is not None:
        environment |= dict.fromkeys(VARIABLES, str(n_threads))
    command = [sys.executable, __file__, "--case", case]
    return json.loads(
        subprocess.run(command, env=environment, capture_output=True, check=True).stdout
    )


def compare(case, rounds, busy):
    settings = [None, *range(1, (os.cpu_count() or 1) + 1)]
    found = {n_threads: [] for n_threads in settings}
    for _ in range(rounds):
        for n_threads in settings:
            found[n_threads].append(run(case, n_threads))
    for kind, name in enumerate(["wall", "processor"]):
        seconds = {n: [pair[kind] for pair in pairs] for n, pairs in found.items()}
        medians = {n: statistics.median(values) for n, values in seconds.items()}
        best = min(medians[n] for n in settings[1:])
        cells = [
            f"{medians[n]:.3f} ({min(seconds[n]):.3f} to {max(seconds[n]):.3f})" for n in settings
        ]
        state = "busy" if busy else "idle"
        print(f"| {case}, {state}, {name} | " + " | ".join(cells), end=" | ")
        print(f"{medians[None] / best:.2f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--case", choices=CASES, help="fit this one and print its seconds")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    arguments = parser.parse_args()
    if arguments.case:
        print(json.dumps(measured(arguments.case)))
        return
    columns = ["default", *(f"{n} threads" for n in range(1, (os.cpu_count() or 1) + 1))]
    print("| seconds | " + " | ".join(columns) + " | default / best |")
    print("|---" * (len(columns) + 2) + "|")
    for busy in (False, True):
        spinning = [sys.executable, "-c", "while True: pass"]
        other = subprocess.Popen(spinning) if busy else None
        try:
            for case in arguments.cases:
                compare(case, arguments.rounds, busy)
        finally:
            if other:
                other.kill()


if __name__ == "__main__":
    main()
