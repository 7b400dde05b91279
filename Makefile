# Rollbook. `make help` lists what there is; everything it sets up goes into .venv/.

PYTHON ?= python3
BIN := .venv/bin
XDIST ?= 4
# Hundreds of processes are started by tests and the demo: each would compile every module anew.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo test test-long check lint types layers bench picture clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.program ## Only set everything up: .venv/ with the program in it

demo: setup ## Play the whole story with a simulated Okta, then stay up (ONCE=1: end after the story)
	@$(BIN)/python -m rollbook.simulator.demo $(if $(ONCE),--once)

test: setup-dev ## Run the test suite, both databases and the browser included
	@$(BIN)/python -m pytest -n $(XDIST) --dist loadgroup

test-long: setup-dev ## Run the long tests with full numbers and print their table
	@ROLLBOOK_LONG=1 $(BIN)/python -m pytest -n $(XDIST) --dist loadgroup --timeout 7200 -m long

check: lint types layers test ## Format, lint, types, layer contracts, tests: what CI runs

lint: setup-dev
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

types: setup-dev
	@$(BIN)/mypy

layers: setup-dev
	@$(BIN)/lint-imports

bench: setup-dev ## Measure the hot paths side by side and print the ratios
	@$(BIN)/python -m benchmarks

picture: setup-dev ## Take the pictures of the docs anew (needs Chromium)
	@$(BIN)/python scripts/picture.py

clean: ## Remove what was set up
	rm -rf .venv

setup-dev: .venv/.development

.venv/.program: pyproject.toml requirements.lock scripts/setup
	@PYTHON=$(PYTHON) scripts/setup program

.venv/.development: .venv/.program requirements-dev.lock
	@PYTHON=$(PYTHON) scripts/setup development
