# Every target makes its own set-up in .venv and can be repeated.
PYTHON ?= python3
BIN := .venv/bin
# A process a core; the tests of a file stay together, for what they share takes long to make.
PARALLEL := -n auto --dist loadfile

.PHONY: demo test test-all test-backends parity lint format build clean

demo: .venv/installed
	$(BIN)/tfcovid demo

test: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest $(PARALLEL)

test-all: .venv/installed-notebooks
	$(BIN)/python -m pytest -m "" $(PARALLEL)
	$(BIN)/python -m pytest --nbmake --nbmake-timeout=900 notebooks/*.ipynb

# The rooms that run on every Keras backend.
KERAS_ROOMS := tests/layers tests/losses tests/metrics tests/networks

test-backends: .venv/installed-parity
	KERAS_BACKEND=jax $(BIN)/python -m pytest $(PARALLEL) $(KERAS_ROOMS)
	KERAS_BACKEND=torch $(BIN)/python -m pytest $(PARALLEL) $(KERAS_ROOMS)

parity: .venv/installed-parity
	$(BIN)/python benchmarks/parity.py

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: .venv/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

build: .venv/installed-dev
	$(BIN)/python -m build

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "tfcovid needs Python 3.11, 3.12 or 3.13; give one: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv || { echo "python3-venv is missing; on Debian: apt-get install python3-venv"; exit 1; }

.venv/installed: .venv/bin/python setup.cfg
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

.venv/installed-dev: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]"
	touch $@

.venv/installed-notebooks: .venv/installed-dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[notebooks]"
	touch $@

.venv/installed-parity: .venv/installed-dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[parity]"
	touch $@

clean:
	rm -rf .venv build dist *.egg-info demo .pytest_cache .ruff_cache .hypothesis
