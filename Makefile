# `make` lists the targets. None needs an activated environment; the first run makes .venv.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
UV := $(BIN)/uv --no-config
unexport PYTHONDONTWRITEBYTECODE  # where it is set, each of many starts would compile all libraries anew

.DEFAULT_GOAL := help
.PHONY: help setup dev test check types rules lock schema pictures bench germany

help: ## list the targets
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## make .venv from the pinned, hashed lock

$(STAMP): requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Allmende needs Python 3.11 or newer; set PYTHON=")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(UV) pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

dev: $(STAMP) ## import and serve all cities on embedded SQLite; ARGS="--port N"
	@$(BIN)/allmende dev $(ARGS)

test: $(STAMP) ## run all tests on SQLite and on a real PostgreSQL; ARGS="-k waste"
	@$(BIN)/pytest -n auto --dist worksteal $(ARGS)

check: rules types ## run the gates: format, lint, types, layers, cities, plugins; -j2 for two at a time

types: $(STAMP)
	@$(BIN)/mypy

rules: $(STAMP)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports
	@$(BIN)/allmende city check
	@$(BIN)/allmende plugin check
	@$(BIN)/allmende schema --check
	@$(BIN)/allmende owners --check

schema: $(STAMP) ## write backend/schema.graphql from the plugins
	@$(BIN)/allmende schema --write

pictures: $(STAMP) ## renew docs/pictures/ from a fresh instance (needs chromium)
	@$(BIN)/python -m tests.pages.pictures
	@$(BIN)/python -m tests.desk.pictures

bench: $(STAMP) ## measure serving beside its fastest peer; ARGS="--rounds 1 --only q1,cached --write"
	@$(BIN)/python -m tests.benchmarks $(ARGS)

germany: $(STAMP) ## measure one deployment with every municipality of Germany; ARGS="--write"
	@$(BIN)/python -m tests.benchmarks.germany $(ARGS)

lock: $(STAMP) ## renew requirements.lock, and its part that the image needs, from pyproject.toml
	@$(UV) pip compile --quiet --python $(BIN)/python --upgrade --universal --generate-hashes --group dev pyproject.toml -o requirements.lock
	@$(UV) pip compile --quiet --python $(BIN)/python --universal --generate-hashes --group build -c requirements.lock pyproject.toml -o requirements-image.lock
