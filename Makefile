# `make help` says what each target does.
SHELL := /bin/sh
PY := .venv/bin/python
ORGCAL := .venv/bin/orgcal
STACK ?= dev

.DEFAULT_GOAL := help
.PHONY: help setup demo up verify down clean test e2e check lock bench-up bench-demo bench-verify bench-emulator

help: ## Say what each target does
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Make .venv from the lock file, have the Pulumi engine, choose the azuread plugin
	@python3 scripts/setup_venv.py
	@$(PY) -m orgcal.engine ensure

up: setup ## Start the emulator if none runs and bring stack dev up; leaves the emulator running
	@$(ORGCAL) emulator start --stack dev
	@$(ORGCAL) up --stack dev

down: ## Stop the emulator of stack dev; what it holds is kept
	@if [ -x $(ORGCAL) ]; then $(ORGCAL) emulator stop --stack dev; fi

test: setup ## Unit, contract and integration tests
	@$(PY) -m pytest

e2e: setup ## Tests with the real engine and a real browser
	@$(PY) -m pytest tests/engine tests/browser

check: setup ## Style, types, import arrows, claims of the docs
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@$(PY) -m mypy .
	@$(PY) -m pytest -q tests/architecture
