"""Every example runs as a reader would run it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

# The first is `make demo`.
DEMO, *OTHERS = sorted((Path(__file__).parents[1] / "examples").glob("plot_*.py"))
EXAMPLES = [DEMO, *(pytest.param(other, marks=pytest.mark.slow) for other in OTHERS)]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs_and_draws(example, tmp_path):
    pytest.importorskip("matplotlib")
    script = tmp_path / example.name  # Pictures go beside the script.
    script.write_text(example.read_text())
    environment = os.environ | {"MPLBACKEND": "Agg"}
    subprocess.run([sys.executable, script], check=True, env=environment, cwd=tmp_path)
    assert list(tmp_path.glob("*.png"))
