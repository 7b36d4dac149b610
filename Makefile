# Everything that people and CI do with this repository. Needs Python 3.11 or newer, with venv, and make.
#
#   PYTHON=…  the interpreter that makes .venv      PORT=…  the city node's port (NATIONAL_PORT: PORT + 10)
#   DATA=…    the folder that `make run` keeps      ARGS=…  more arguments for pytest, the demo or the benchmarks

PORT ?= 8080
NATIONAL_PORT ?= $(shell expr $(PORT) + 10 2>/dev/null)
DATA ?= data
ARGS ?=
export PYTHON

BIN := .venv/bin
SETUP := sh .ci/setup

$(shell PYTHON="$(PYTHON)" $(SETUP) stale)

.DEFAULT_GOAL := help
.PHONY: help run demo test test-fast test-long test-mayan soak lint fmt bench lock migrate reset

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## start a demo city and a national node, and keep serving (PORT=8080)
	@$(SETUP) ports $(PORT) $(NATIONAL_PORT)
	@$(MAKE) --no-print-directory .venv/.run
	@exec $(BIN)/axis city --data $(DATA) --port $(PORT) --national-port $(NATIONAL_PORT)

demo: .venv/.run ## play one exchange in a temporary folder, print its table, end
	$(BIN)/axis demo $(ARGS)

test: .venv/.dev ## all tests, on SQLite and PostgreSQL
	@sh .ci/debian
	$(BIN)/pytest -n auto --dist worksteal $(ARGS)

test-fast: .venv/.dev ## the tests of the pure rooms: seconds
	$(BIN)/pytest --durations=0 tests/edxml tests/organ tests/status tests/evidence tests/test_messages.py tests/test_settings.py $(ARGS)

test-long: .venv/.dev ## the tests that take minutes: kill trials, very large packages
	$(BIN)/pytest -m long $(ARGS)

test-mayan: .venv/.dev ## the mayan adapter on a real Mayan EDMS (a venv in .mayan; RECORD=1 for the double)
	@sh .ci/mayan
	AXIS_MAYAN_VENV="$(CURDIR)/.mayan" AXIS_MAYAN_RECORD="$(RECORD)" $(BIN)/pytest -rP --durations=0 tests/mayan -k "$(or $(ARGS),sqlite or page)"

lint: .venv/.dev ## ruff, mypy --strict, import-linter
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy --strict axis adapters
	$(BIN)/lint-imports

fmt: .venv/.dev ## format, and mend what ruff can mend
	$(BIN)/ruff format
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: .venv/.dev ## measure speed and memory, and print a table
	$(BIN)/python -m benchmarks $(ARGS)

soak: .venv/.dev ## mixed traffic for MINUTES=30; memory and descriptors must stay flat
	$(BIN)/python -m benchmarks.soak --minutes $(or $(MINUTES),30)

lock: .venv/.dev ## resolve the dependencies anew (UPGRADE=--upgrade for newer versions)
	CUSTOM_COMPILE_COMMAND='make lock' $(BIN)/pip-compile $(LOCK_FLAGS) $(UPGRADE) --all-build-deps -o requirements.lock setup.cfg
	CUSTOM_COMPILE_COMMAND='make lock' $(BIN)/pip-compile $(LOCK_FLAGS) $(UPGRADE) --all-build-deps \
		--extra test --extra lint -c requirements.lock -o requirements-dev.lock setup.cfg

migrate: .venv/.run ## bring the database of ./axis.toml (or $AXIS_CONFIG) to this version
	$(BIN)/axis migrate

reset: ## delete the data of `make run`
	@$(SETUP) reset "$(DATA)"

LOCK_FLAGS := --quiet --generate-hashes --allow-unsafe --strip-extras \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links

.venv/.run: requirements.lock setup.cfg setup.py pyproject.toml .ci/setup
	@$(SETUP) run

.venv/.dev: .venv/.run requirements-dev.lock
	@$(SETUP) dev
