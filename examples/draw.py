"""Run examples, and save their figures beside them instead of opening windows.

    python examples/draw.py examples/plot_01_which_sources_help.py ...
    python examples/draw.py --format svg examples/plot_*.py  # for slides

`make demo` and `make examples` call it. An example run by itself opens its figures.
"""

import argparse
import runpy
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt


def draw(example, suffix):
    plt.close("all")
    runpy.run_path(str(example), run_name="__main__")
    for k, number in enumerate(plt.get_fignums()):
        picture = example.with_name(f"{example.stem}{f'_{k + 1}' if k else ''}.{suffix}")
        plt.figure(number).savefig(picture, dpi=110)
        print(f"picture: {picture}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--format", default="png", help="png, svg, pdf, ...")
    parser.add_argument("examples", type=Path, nargs="+")
    arguments = parser.parse_args()
    plt.show = lambda *args, **kwargs: None  # The figures stay open until they are saved.
    for example in arguments.examples:
        draw(example, arguments.format)
