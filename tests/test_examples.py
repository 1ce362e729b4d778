"""Every example runs as `make examples` runs it, and draws."""

import subprocess
import sys
from pathlib import Path

import pytest

# The first is `make demo`.
_FOLDER = Path(__file__).parents[1] / "examples"
DEMO, *OTHERS = sorted(_FOLDER.glob("plot_*.py"))
EXAMPLES = [DEMO, *(pytest.param(other, marks=pytest.mark.slow) for other in OTHERS)]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs_and_draws(example, tmp_path):
    pytest.importorskip("matplotlib")
    script = tmp_path / example.name  # Pictures go beside the script.
    script.write_text(example.read_text())
    subprocess.run([sys.executable, _FOLDER / "draw.py", script], check=True, cwd=tmp_path)
    assert list(tmp_path.glob("*.png"))
