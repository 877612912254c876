# Two commands: `make demo` shows a lot that runs, `make test` proves it. Both set up all they need.
.DELETE_ON_ERROR:
.PHONY: docs demo picture test proof soak bench lint cov setup clean help

VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest
# Tests and demo start many processes: where the environment forbids it, each would compile all of us anew.
unexport PYTHONDONTWRITEBYTECODE

help:            ## this text
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

# Debian packages that the demo and the tests start as foreign software, and what tells that they are there.
$(VENV)/.system: tools/setup.sh
	@sh tools/setup.sh
	@python3 -m venv $(VENV)
	@touch $@

$(VENV)/.run: $(VENV)/.system pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.test: $(VENV)/.system pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
	@touch $@ $(VENV)/.run

setup: $(VENV)/.test   ## the environment with the test extras

demo: $(VENV)/.run     ## a small lot, cars in and out, ends by itself; KEEP=1 keeps it running
	@$(BIN)/etclane demo $(if $(KEEP),--keep)

picture: $(VENV)/.run  ## the demo once more, saved as docs/demo.svg for the README
	@$(BIN)/python -m tools.demo --picture docs/demo.svg

docs: $(VENV)/.test    ## the pages that are made from tables: fields of every message, conformance of the dialects
	@$(BIN)/python -m tools.tables
	@$(BIN)/python -m tools.conformance > docs/conformance.md

lint: $(VENV)/.test    ## formatter, linter, types, the floors
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: $(VENV)/.test lint   ## all tests, with short forms of the long proofs
	$(PYTEST) -n 3 --dist worksteal -m 'not proof'

proof: $(VENV)/.test   ## the long proofs in full: kills, outages, a million hostile inputs, five times the examples
	$(PYTEST) -n 2 --dist worksteal -m proof
	$(PYTEST) -n 2 --dist worksteal -m 'not proof' --hypothesis-profile proof tests/property

soak: $(VENV)/.test    ## years of a lot on virtual time, all faults on: SEEDS=100 weeks (3 if not told), FIRST_SEED=1
	@$(BIN)/python -m tools.soak --seeds $(or $(SEEDS),3) --first $(or $(FIRST_SEED),1)

bench: $(VENV)/.test   ## how fast a frame is read, a stay priced, a debit decided, as ratios; fails if too slow
	@$(BIN)/python -m tools.bench

cov: $(VENV)/.test     ## branch coverage: lane and site cores 100 %, protocols, sessions and the other cores at least 95 %
	$(PYTEST) -n 3 --dist worksteal -m 'not proof' --cov --cov-report=
	$(BIN)/coverage report --include='protocols/*,drivers/*/session.py,gateway/lane/*,gateway/site.py,gateway/tariff/*,gateway/runner.py,gateway/uplink/sync.py,gateway/ledger/stays.py' --fail-under=95 --skip-covered --show-missing
	$(BIN)/coverage report --include='gateway/lane/*,gateway/site.py,gateway/facts.py,gateway/audit.py,gateway/runner.py' --fail-under=100 --show-missing

clean:           ## everything that the other targets made
	rm -rf $(VENV) .demo .bench-* .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage*
