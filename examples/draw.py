"""Run examples, and save their figures beside them instead of opening windows.

    python examples/draw.py examples/plot_01_which_sources_help.py ...

`make demo` and `make examples` call it. An example run by itself opens its figures.
"""

import runpy
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt


def draw(example):
    plt.close("all")
    runpy.run_path(str(example), run_name="__main__")
    for k, number in enumerate(plt.get_fignums()):
        picture = example.with_name(example.stem + (f"_{k + 1}" if k else "") + ".png")
        plt.figure(number).savefig(picture, dpi=110)
        print(f"picture: {picture}")


if __name__ == "__main__":
    plt.show = lambda *args, **kwargs: None  # The figures stay open until they are saved.
    for name in sys.argv[1:]:
        draw(Path(name))
