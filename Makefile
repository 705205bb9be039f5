# make demo and make test do all the set-up there is; see README.md.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
  command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

include vllm.mk bench.mk

.PHONY: setup demo test check fuzz
.DEFAULT_GOAL := setup
setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: apt-get install python3 python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[all,dev]'
	@touch $(STAMP)

# The bundled sample, from raw logs to release and report.
demo: setup
	$(BIN)/chatlog demo --out demo-out

# Two processes, one thread each: on two cores this takes little more than half the time.
test: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

# All gates: format, lint, types, layers, tests.
check: setup
	$(BIN)/ruff format --check chatlog tests benchmarks
	$(BIN)/ruff check chatlog tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest

# 100,000 mutated records through ingest, guided by coverage; atheris has an environment of its own.
fuzz: .venv-fuzz/.installed
	.venv-fuzz/bin/python -m tests.fuzz.fuzz_readers $(RECORDS)

.venv-fuzz/.installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: apt-get install python3 python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv .venv-fuzz
	.venv-fuzz/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[fuzz]'
	@touch $@
