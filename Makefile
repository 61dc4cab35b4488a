# Every target sets up what it needs: Python packages go into .venv, at the versions of uv.lock.
SHELL := /bin/bash
UV_VERSION := 0.13.9
PY := .venv/bin/python
WORKERS ?= 4

.PHONY: setup setup-node demo test unit check bench clean help
help:
	@echo "make demo   set up, then run a whole town once, on embedded defaults"
	@echo "make test   set up, then run all tests"
	@echo "make unit   only the tests of the decisions, in seconds"
	@echo "make check  ruff, pyright, import-linter, deptry"
	@echo "make bench  measure, beside a naive floor"

setup: .venv/.ready
.venv/.ready: pyproject.toml uv.lock
	@test -x $(PY) || python3 -m venv .venv
	@.venv/bin/uv --version 2>/dev/null | grep -q "$(UV_VERSION)" || $(PY) -m pip install --quiet --disable-pip-version-check "uv==$(UV_VERSION)"
	@VIRTUAL_ENV=$(CURDIR)/.venv .venv/bin/uv sync --quiet --active --locked --inexact
	@touch $@

# The official tRPC client, for the tests: with the machine's Node.js, else with the one from PyPI.
setup-node: tests/trpc/node_modules/.ready
tests/trpc/node_modules/.ready: tests/trpc/package-lock.json .venv/.ready
	@tests/trpc/install.sh $(CURDIR)/$(PY)

demo: setup
	@.venv/bin/boomtown demo

unit: setup
	@.venv/bin/pytest tests/unit -q -n0

test: setup setup-node
	@.venv/bin/pytest -q -n $(WORKERS)

check: setup
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/pyright
	.venv/bin/lint-imports
	.venv/bin/deptry src

bench: setup
	@$(PY) -m bench

clean:
	rm -rf .venv dist build
