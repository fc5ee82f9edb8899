# Everything happens in .venv, which the first target that needs it makes. Needs Python 3.11 or newer, and make.
#
#   make help                                              every target, and what it is for
#   make test                                              on the embedded PostgreSQL 18
#   RUNFOLD_POSTGRES_BIN=/usr/lib/postgresql/15/bin make test    on those binaries
#   RUNFOLD_TEST_DATABASE_URL=postgresql://... make test   on that server
#   make test TESTS=tests/database ARGS='-x -k kill'

PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$python" && break; done)
VENV := .venv
BIN := $(VENV)/bin
TESTS ?=
ARGS ?=

# Processes that run tests side by side, each with a server of its own: one more than two cores, since a test often waits.
WORKERS ?= 3
PYTEST := $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal

# A test starts hundreds of processes: they read what was compiled once.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help venv demo check test test-large lint format bench sync docs generated migration baseline checksums clean

help: ## Print every target and what it is for
	@sed -n 's/^\([a-z<>%-]*\):.*## \(.*\)/\1\t\2/p' $(firstword $(MAKEFILE_LIST)) | sed 's/%/<room>/' | expand -t 14

venv: $(VENV)/.installed ## Install runfold and what its development needs into .venv

# Keyed on pyproject.toml and constraints.txt: installed once, and again when the dependencies may have changed.
$(VENV)/.installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "error: Python 3.11 or newer is needed: install it, or say make PYTHON=/path/to/python3" >&2; exit 1; }
	test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@ $(VENV)/.runtime

# What runs, without what develops: a newcomer waits for less, and sees each package as it comes.
$(VENV)/.runtime: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "error: Python 3.11 or newer is needed: install it, or say make PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "installing runfold and its packages into $(VENV): once, in about half a minute"
	@test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	@$(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt --editable .
	@touch $@

demo: $(VENV)/.runtime ## Show what runfold is for, in under a minute
	@$(BIN)/python -m runfold.demo

check: lint ## Lint, types, generated files and every test that needs no database: under a minute
	$(PYTEST) -q -m 'not database and not large' $(TESTS) $(ARGS)

test: venv ## Run every test on small data and one PostgreSQL (TESTS=..., ARGS=...)
	$(PYTEST) -m 'not large' $(TESTS) $(ARGS)

test-large: venv ## Run the tests of large data, of other PostgreSQL versions and of other installations
	$(BIN)/python -m pytest -m large $(TESTS) $(ARGS)

test-%: venv ## Run the tests of one room: make test-worker
	$(PYTEST) -m 'not large' tests/$* $(ARGS)

lint: venv ## Check style, types and generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python src/runfold/generate_sync.py --check

format: venv ## Format the code and fix what ruff can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: venv ## Run every bench; ARGS are passed on
	$(BIN)/python -m bench $(ARGS)

sync: venv ## Write the synchronous modules from the asynchronous ones
	$(BIN)/python src/runfold/generate_sync.py --write

docs: venv ## Renew docs/reference/, models and rows from the code and a migrated database, and the table of rooms
	$(BIN)/python -m runfold.reference --write
	$(BIN)/python -m tests.rooms --write

generated: venv ## Write schema/generated/ from the event classes
	$(BIN)/python -W ignore::RuntimeWarning -m runfold.events.sql --write schema/generated

migration: venv ## Write the next migration from what changed in schema/: NAME=verb_object
	@test -n "$(NAME)" || { echo "error: say what it does: make migration NAME=verb_object" >&2; exit 1; }
	$(BIN)/python -m runfold.database.sources --migration $(NAME)

baseline: venv ## Write one migration in place of all, while none of them is released
	$(BIN)/python -m runfold.database.sources --baseline

# A released migration is never edited.
checksums: venv ## Renew schema/migrations/checksums.sha256 after a migration was written
	$(BIN)/python -W ignore::RuntimeWarning -m runfold.database.migrations --write-checksums

clean: ## Remove .venv and everything that was built
	rm -rf $(VENV) dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
