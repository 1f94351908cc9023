# Works with GNU make 3.81, as macOS ships it. Needs git and a Python 3.11 or newer; PYTHON=... chooses one.

VENV := .venv
BIN := $(VENV)/bin
PYTHONS := $(PYTHON) python3 python3.13 python3.12 python3.11 python3.14
# Named for the content of what is installed, so that a checkout that only touches times installs nothing.
STAMP := $(VENV)/.installed-$(shell cat requirements/dev.txt pyproject.toml | cksum | tr ' ' '-')
BENCH := $(VENV)/.bench-$(shell cat requirements/bench.txt | cksum | tr ' ' '-')
SERVICES := $(VENV)/.services-$(shell cat requirements/services.txt | cksum | tr ' ' '-')

.DEFAULT_GOAL := help
.PHONY: help run test torture test-services services services-fetch check bench bench-peers bench-services docs lock clean

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

run: $(STAMP) ## Run the mobility example from its raw files to gold tables on main
	@$(BIN)/headgate --project examples/mobility run

test: $(STAMP) ## Run the tests; ARGS="-k name" passes options to pytest
	@$(BIN)/pytest -q -n 2 --dist worksteal -m "not services" $(ARGS)

torture: $(STAMP) ## Break it for half an hour: kills, full disks, races, bad input; ends with counts
	@HEADGATE_TORTURE=long $(BIN)/pytest -q -n 2 --dist worksteal -m "not services" tests/torture $(ARGS)

test-services: $(SERVICES) ## Run the tests that need Postgres, Nessie, S3, Spark or Trino; starts and ends them
	@$(BIN)/pytest -q -n 2 --dist loadfile -m services $(ARGS)

services: $(SERVICES) ## Start servers until Ctrl-C: make services UP="nessie minio"
	@$(BIN)/python -m services up $(UP)

services-fetch: $(SERVICES) ## Fetch and build what the servers need, with checksums, into a cache
	@$(BIN)/python -m services fetch $(UP)

check: $(STAMP) ## Check format, lint, types, import contracts, generated docs and tracked files
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python scripts/reference.py --check
	$(BIN)/python scripts/tracked.py

bench: $(BENCH) ## Measure, and write docs/benchmarks.md; ARGS="--only PART" takes some
	@$(BIN)/python benchmarks/run.py $(ARGS)

bench-peers: $(BENCH) $(SERVICES) ## Measure beside Spark, Iceberg and dbt-spark; needs Java with Maven
	@$(BIN)/python benchmarks/run.py --only peers $(ARGS)

bench-services: $(SERVICES) ## Measure the catalogs beside Nessie and PyIceberg
	@$(BIN)/python benchmarks/catalogs.py $(ARGS)

docs: $(STAMP) ## Write the generated pages of docs/reference
	@$(BIN)/python scripts/reference.py

lock: $(STAMP) ## Resolve the requirement files anew, from pyproject.toml
	@PYTHON=$(BIN)/python scripts/lock

clean: ## Remove everything that make made: environment, caches, the example's lake
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	rm -rf examples/*/.headgate
	find src tests scripts benchmarks examples -type d -name __pycache__ -prune -exec rm -rf {} +

$(STAMP): requirements/dev.txt pyproject.toml
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  rm -rf $(VENV); \
	  for candidate in $(PYTHONS); do \
	    if "$$candidate" -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	      echo "Making $(VENV) with $$("$$candidate" --version); the first time takes a minute or two." >&2; \
	      exec "$$candidate" -m venv $(VENV); \
	    fi; \
	  done; \
	  echo "No Python 3.11 or newer with venv was found (tried: $(PYTHONS))." >&2; \
	  echo "Install one, on Debian with its -venv package, or name it: make PYTHON=/path/to/python3.12" >&2; \
	  exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@rm -f $(VENV)/.installed-*
	@touch $@

$(BENCH): $(STAMP) requirements/bench.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench.txt
	@rm -f $(VENV)/.bench-*
	@touch $@

$(SERVICES): $(STAMP) requirements/services.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/services.txt
	@rm -f $(VENV)/.services-*
	@touch $@
