# Every target sets up what it needs: Python packages go into .venv, at the versions of uv.lock.
SHELL := /bin/bash
UV_VERSION := 0.13.9
PY := .venv/bin/python
NPM := $(CURDIR)/web/npm.sh $(CURDIR)/$(PY)
WEB := src/boomtown/api/static/index.html
WORKERS ?= 4
# The real agent programs of tests/agents, installed once for all checkouts.
AGENTS ?= $(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(HOME)/.cache)/boomtown-test-agents

.PHONY: setup setup-node setup-agents setup-browser setup-lfs setup-terminal web web-types demo test unit check simulate drill bench clean help
help:
	@echo "make demo   set up, then run a whole town once, on embedded defaults"
	@echo "make test   set up, then run all tests"
	@echo "make setup-agents  the real agent programs that tests/agents drives, from npm (1.3 GB, outside of the tree)"
	@echo "make web    build the dashboard into the package"
	@echo "make unit   only the tests of the decisions, in seconds"
	@echo "make check  ruff, pyright, import-linter, deptry; tsc and eslint for the dashboard"
	@echo "make simulate SEEDS=300 FIRST_SEED=1 JOBS=1  a whole town under virtual time, with all that can go wrong"
	@echo "make drill DRILLS=40 FIRST=1 JOBS=1  real towns, killed, frozen and starved at every step"
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
	@cd tests/trpc && $(NPM) ci --silent --no-audit --no-fund
	@touch $@
setup-agents: $(AGENTS)/node_modules/.ready
$(AGENTS)/node_modules/.ready: tests/agents/package-lock.json .venv/.ready
	@tests/agents/install.sh $(CURDIR)/$(PY) $(AGENTS)

# The dashboard, built into the package.
web: $(WEB)
$(WEB): web/node_modules/.ready $(shell find web/src web/public -type f) web/index.html web/vite.config.ts
	@cd web && $(NPM) run --silent build -- --logLevel warn
web/node_modules/.ready: web/package-lock.json .venv/.ready
	@cd web && $(NPM) ci --silent --no-audit --no-fund
	@touch $@

# The browser of tests/browser; a package of Debian and Ubuntu.
setup-browser:
	@command -v chromium >/dev/null || { apt-get update -qq && apt-get install --yes --no-install-recommends -qq chromium >/dev/null; } \
		|| { echo "tests/browser needs a chromium on PATH: install it, for instance with apt-get install chromium" >&2; exit 1; }

# For tests of large files; a package of Debian and Ubuntu.
setup-lfs:
	@command -v git-lfs >/dev/null || { apt-get update -qq && apt-get install --yes --no-install-recommends -qq git-lfs >/dev/null; } \
		|| { echo "tests/e2e needs git-lfs on PATH: install it, for instance with apt-get install git-lfs" >&2; exit 1; }

# The terminal interfaces of agents are driven in tmux.
setup-terminal:
	@command -v tmux >/dev/null || { apt-get update -qq && apt-get install --yes --no-install-recommends -qq tmux >/dev/null; } \
		|| { echo "tests/agents needs a tmux on PATH: install it, for instance with apt-get install tmux" >&2; exit 1; }

# The dashboard's types of the API, from the server's registry of procedures.
web-types: setup
	@$(PY) -m boomtown.api.describe.typescript > web/src/api/router.ts

demo: setup web
	@.venv/bin/boomtown demo

unit: setup
	@.venv/bin/pytest tests/unit -q -n0 -p no:schemathesis

test: setup setup-node setup-agents setup-browser setup-lfs setup-terminal web
	@BOOMTOWN_TEST_AGENTS=$(AGENTS) .venv/bin/pytest -q -n $(WORKERS) --dist loadgroup

check: setup web/node_modules/.ready
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/pyright
	.venv/bin/lint-imports
	.venv/bin/deptry src
	$(PY) -m boomtown.api.describe.typescript | diff -q - web/src/api/router.ts || { echo "make web-types"; exit 1; }
	cd web && $(NPM) run --silent check

SEEDS ?= 300
FIRST_SEED ?= 1
JOBS ?= 1
simulate: setup
	@$(PY) -m tests.simulation --seeds $(SEEDS) --first $(FIRST_SEED) --jobs $(JOBS)

DRILLS ?= 40
FIRST ?= 1
drill: setup
	@$(PY) -m tests.drill --drills $(DRILLS) --first $(FIRST) --jobs $(JOBS)

bench: setup
	@$(PY) -m bench

clean:
	rm -rf .venv dist build web/node_modules src/boomtown/api/static
