# The commands of this project: `make help` lists them. Needs Python 3.11 to 3.14 and nothing else.

PYTHON ?= python3
BIN := .venv/bin

# The virtual environment decides what is imported, not the shell that make was called from; and what was compiled once
# stays compiled, or each process would take a second longer to start.
unexport PYTHONPATH PYTHONHOME PYTHONWARNINGS PYTHONDONTWRITEBYTECODE
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup setup-dev demo up check test test-all test-fast test-image test-faults test-fuzz schema bench bench-scale bench-web
.PHONY: wheel release lock clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

setup:  ## Make .venv with the packages of requirements.lock
	@scripts/setup.sh requirements.lock '$(PYTHON)'

setup-dev:  ## The same with the tools of development, of requirements-dev.lock
	@scripts/setup.sh requirements-dev.lock '$(PYTHON)'

demo: setup  ## Import a sample history, print a report, serve Dagster's UI until Ctrl-C
	@$(BIN)/myi demo

up: setup  ## Serve Dagster's UI and import what you put into uploads/, until Ctrl-C
	@$(BIN)/myi up

check: setup-dev  ## Lint, formatting and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy & types=$$!; \
	$(BIN)/sqlfluff lint --processes 0 --disable-progress-bar --nocolor sql benchmarks; style=$$?; \
	wait $$types && exit $$style

test: $(if $(T),setup-dev,check)  ## Lint, formatting, types and the tests of every change; with T=path, those of a path only
	$(BIN)/pytest -n auto $(if $(T),-m "not image" $(T))

test-all: check  ## The same and the tests that take minutes: days of trouble, memory, benchmarks
	MYI_HYPOTHESIS_EXAMPLES=20 $(BIN)/pytest -n auto -m "not image"

test-fast: setup-dev  ## The tests that take a second at most each: under a minute on two processors
	$(BIN)/pytest -n auto -m "not slow and not e2e and not browser and not thorough" $(T)

test-image: setup-dev  ## Build and start the image, in minutes; as root, with buildah and debootstrap
	$(BIN)/pytest -m image myi_pipelines_tests/e2e/test_image.py

KILLS ?= 300
INPUTS ?= 5000
SEED ?= 1

test-faults: setup-dev  ## Kill every operation that changes data, KILLS=300 times in all, and count what is wrong
	@$(BIN)/python -m myi_pipelines_tests.faults.kills --kills $(KILLS) --seed $(SEED)

test-fuzz: setup-dev  ## Import INPUTS=5000 damaged files: each lands, or one line says why not
	@$(BIN)/python -m myi_pipelines_tests.faults.fuzz --inputs $(INPUTS) --seed $(SEED)

schema: setup-dev  ## Write sql/schema.sql and sql/schema.json from what the migrations make
	@$(BIN)/python -m myi_pipelines_tests.migrations.schema_files

bench: setup  ## Measure imports and what Spotify costs, and print tables
	@$(BIN)/python -m benchmarks

ROWS ?= 2000000

bench-scale: setup  ## Build a warehouse of many users, ROWS=20000000 for example, and measure it
	@$(BIN)/python -m benchmarks.scale --rows $(ROWS)

bench-web: setup  ## Ask every page and API route over a warehouse of ROWS=2000000 plays, and print how long each took
	@$(BIN)/python -m benchmarks.web --rows $(ROWS) $(if $(MALOJA),--maloja $(MALOJA))

wheel: setup  ## Build dist/myi_pipelines-….whl, which pip installs anywhere
	@$(BIN)/python -m pip wheel --quiet --no-deps --no-index --no-build-isolation --wheel-dir dist .

release: setup-dev  ## Build wheel, source, bill of materials and image of the version into dist/ (OPTIONS="--draft --no-image")
	@$(BIN)/python scripts/release.py $(OPTIONS)

lock: setup-dev  ## Write the lock files from pyproject.toml (UPGRADE=1: newest versions)
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/python scripts/lock.py $(if $(UPGRADE),--upgrade)

clean:  ## Stop the embedded servers; remove .venv and caches (your data in .myi stays)
	@if [ -x $(BIN)/myi ]; then $(BIN)/myi services stop; fi
	rm -rf .venv dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find myi_pipelines myi_pipelines_tests -name __pycache__ -type d -prune -exec rm -rf {} +
