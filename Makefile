# Everything happens in .venv, which the first target that needs it makes. Needs Python 3.11 or newer, and make.
#
#   make demo                                              what runfold is for, in under a minute
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

.PHONY: venv demo test lint format bench sync docs generated migration baseline checksums clean

venv: $(VENV)/.installed

# Keyed on pyproject.toml: installed once, and again when the dependencies may have changed.
$(VENV)/.installed: pyproject.toml
	@test -n "$(PYTHON)" || { echo "error: Python 3.11 or newer is needed: install it, or say make PYTHON=/path/to/python3" >&2; exit 1; }
	test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(VENV)/.runtime

# What runs, without what develops: a newcomer waits for less.
$(VENV)/.runtime: pyproject.toml
	@test -n "$(PYTHON)" || { echo "error: Python 3.11 or newer is needed: install it, or say make PYTHON=/path/to/python3" >&2; exit 1; }
	test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

demo: $(VENV)/.runtime
	@$(BIN)/python -m runfold.demo

test: venv
	$(BIN)/python -m pytest $(TESTS) $(ARGS)

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python src/runfold/generate_sync.py --check

format: venv
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: venv
	$(BIN)/python -m bench $(ARGS)

# Writes the synchronous modules from the asynchronous ones.
sync: venv
	$(BIN)/python src/runfold/generate_sync.py --write

# Renews docs/reference/ from the code and a migrated database.
docs: venv
	$(BIN)/python -m runfold.reference --write

# Writes schema/generated/ from the event classes; a migration carries what changed.
generated: venv
	$(BIN)/python -W ignore::RuntimeWarning -m runfold.events.sql --write schema/generated

# Writes the next migration from what changed in schema/: make migration NAME=verb_object
migration: venv
	@test -n "$(NAME)" || { echo "error: say what it does: make migration NAME=verb_object" >&2; exit 1; }
	$(BIN)/python -m runfold.database.sources --migration $(NAME)

# Writes one migration in place of all, while none of them is released.
baseline: venv
	$(BIN)/python -m runfold.database.sources --baseline

# Renews schema/migrations/checksums.sha256 after a migration was written; a released migration is never edited.
checksums: venv
	$(BIN)/python -W ignore::RuntimeWarning -m runfold.database.migrations --write-checksums

clean:
	rm -rf $(VENV) dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
