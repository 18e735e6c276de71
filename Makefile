# `make help` says what each target does.
SHELL := /bin/sh
PY := .venv/bin/python
ORGCAL := .venv/bin/orgcal
KEEP ?=
AZUREAD_PLUGIN ?=
PYTHON ?= python3
# Tests start hundreds of programs, each of which would compile orgcal's modules anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo up verify down clean witnesses docs test fuzz mutants live e2e check dist lock compare-azuread \
	bench-setup bench-up bench-demo bench-emulator bench-verify bench-consent bench-azuread bench-rotation bench-files bench-health

help: ## Say what each target does
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Make .venv from the lock file, and have the Pulumi engine (minutes, once, where it must be built)
	@$(PYTHON) scripts/setup_venv.py --engine
	@$(PY) -m orgcal.engine ensure

demo: setup ## The whole job against the emulator; KEEP=1 leaves it running and says where to look
	@$(ORGCAL) demo $(if $(KEEP),--keep)

up: setup ## Start the emulator if none runs, and bring stack dev up
	@$(ORGCAL) emulator start
	@$(ORGCAL) up --yes

verify: setup ## Verify the organisations of stack dev again
	@$(ORGCAL) emulator start
	@$(ORGCAL) verify --stack dev || [ $$? -eq 5 ]  # nothing to check yet, as it says, is no error

down: ## Stop the emulator of stack dev; what it holds is kept
	@if [ -x $(ORGCAL) ]; then $(ORGCAL) emulator stop; fi

clean: down ## Remove .venv and stack dev; say what is kept elsewhere, which orgcal uninstall removes
	@if [ -x $(ORGCAL) ]; then $(ORGCAL) uninstall --dry-run; fi
	@rm -rf .venv .local/dev

witnesses: setup ## Add to .venv what only tests need: the unmodified clients that witness the emulator (460 MB), and what docs needs
	@$(PYTHON) scripts/setup_venv.py --witnesses --docs

# Not --quiet, with which mkdocs counts no warning, so that nothing is strict. The variable hides an advertisement.
docs: setup ## Build the site of the documentation into site/; a link or an anchor that leads nowhere ends it
	@$(PYTHON) scripts/setup_venv.py --docs
	@NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict
	@echo "docs: site/index.html"

# WORKERS: modules of tests that run at a time; the tests of one share what they need, such as a deployed checkout. What
# `make test` starts waits a good deal for other programs, so it keeps 2 cores busy only with four of them.
PARALLEL = --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder
LONG = tests/integration/long
test: WORKERS ?= 4
test: witnesses ## Unit, contract and integration tests
	@$(PY) -m pytest $(PARALLEL) --ignore $(LONG)

fuzz: setup ## Generated answers, documents and settings at length (minutes), and what they broke, as JSON
	@$(PY) -m tests.fuzz

mutants: witnesses ## Share of small changes to the code that the fast tests notice (25 minutes), as JSON
	@$(PY) -m benchmarks.mutants

live: witnesses ## Witness tests against a real tenant of your own; docs/parity.md says how to name it
	@$(PY) -m pytest --live tests/contract

e2e: WORKERS ?= 2
e2e: setup ## Tests that take minutes: with the real engine, a real browser, Azure's own command lines; AZUREAD_PLUGIN=real: with the real azuread plugin
	@AZUREAD_PLUGIN=$(AZUREAD_PLUGIN) $(PY) -m pytest $(PARALLEL) tests/engine tests/browser tests/witnesses/long $(LONG)

check: setup ## Style, types, import arrows, claims of the docs, workflows
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@$(PY) -m mypy .
	@$(PY) -m pytest tests/architecture

dist: ## Build sdist and wheel of both projects into dist/ (the same bytes everywhere), and the template of pulumi new
	@$(PYTHON) scripts/setup_venv.py
	@$(PY) -m scripts.dist

lock: ## Resolve the dependencies anew (maintainers; needs uv)
	@$(PY) scripts/lock.py

compare-azuread: setup ## Compare the azuread stand-in with the real plugin, where that can be installed
	@$(PY) -m benchmarks.compare_azuread

bench-setup: setup ## Seconds from nothing to the end of the first demo, the engine built, as JSON
	@$(PY) -m benchmarks.setup

bench-up: setup ## Seconds and memory of pulumi up, as JSON
	@$(PY) -m benchmarks.up

bench-demo: setup ## Seconds and memory of the demo, as JSON
	@$(PY) -m benchmarks.demo

bench-emulator: setup ## Speed and memory of the emulator, as JSON
	@$(PY) -m benchmarks.emulator

bench-verify: setup ## Verification beside its peers, as JSON
	@$(PY) -m benchmarks.verify

bench-consent: setup ## Links, callbacks and checks of consent, as JSON
	@$(PY) -m benchmarks.consent

bench-azuread: setup ## Seconds of the azuread stand-in, as JSON
	@$(PY) -m benchmarks.azuread

bench-rotation: setup ## Rotations that are killed and continued, and what a prober saw, as JSON
	@$(PY) -m benchmarks.rotation

bench-files: setup ## Seconds of a push to files of 5 MiB, as JSON
	@$(PY) -m benchmarks.files

bench-health: setup ## Metrics, page and watch on 1,000 organisations, as JSON (minutes)
	@$(PY) -m benchmarks.health
