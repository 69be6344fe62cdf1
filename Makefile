# The commands of this project: `make help` lists them. Needs Python 3.11 or newer and nothing else.

PYTHON ?= python3
BIN := .venv/bin

# The virtual environment decides what is imported, not the shell that make was called from.
unexport PYTHONPATH PYTHONHOME
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup setup-dev demo up lint-sql test bench bench-scale lock clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

setup:  ## Make .venv with the packages of requirements.lock
	@scripts/setup.sh requirements.lock '$(PYTHON)'

setup-dev:
	@scripts/setup.sh requirements-dev.lock '$(PYTHON)'

demo: setup  ## Import a sample history, print a report, serve Dagster's UI until Ctrl-C
	@$(BIN)/myi demo

up: setup  ## Serve Dagster's UI and import what you put into uploads/, until Ctrl-C
	@$(BIN)/myi up

lint-sql: setup-dev  ## Lint the statements under sql/ and benchmarks/
	$(BIN)/sqlfluff lint --processes 0 --disable-progress-bar sql benchmarks

test: setup-dev  ## Lint, types and all tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -n auto

bench: setup  ## Measure imports and what Spotify costs, and print tables
	@$(BIN)/python -m benchmarks

ROWS ?= 2000000

bench-scale: setup  ## Build a warehouse of many listeners, ROWS=20000000 say, and measure it
	@$(BIN)/python -m benchmarks.scale --rows $(ROWS)

# The lock files hold for every platform and every Python that pyproject.toml allows. UPGRADE=1 takes newer versions.
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --only-binary :all: --generate-hashes \
	--no-strip-extras --no-emit-index-url --no-emit-find-links --no-annotate --no-header $(if $(UPGRADE),--upgrade) pyproject.toml

lock: setup-dev  ## Write requirements.lock and requirements-dev.lock from pyproject.toml (UPGRADE=1: newest versions)
	@$(BIN)/python -m pip install --quiet uv
	@$(LOCK) --group build --output-file requirements.lock
	@$(LOCK) --group dev --constraints requirements.lock --output-file requirements-dev.lock
	@$(LOCK) --group build --extra celery --constraints requirements.lock --output-file requirements-celery.lock

clean:  ## Stop the embedded servers; remove .venv and caches (your data in .myi stays)
	@if [ -x $(BIN)/myi ]; then $(BIN)/myi services stop; fi
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find myi_pipelines myi_pipelines_tests -name __pycache__ -type d -prune -exec rm -rf {} +
