# What each target does is its name; every target sets up what it needs and says what it skipped and why.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
AS_OF := 2026-11-20
EXAMPLES := specs/de-clinic-notes.yaml specs/eu-support-desk.yaml specs/in-bank-assistant.yaml

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo test lint format golden docs wheels refresh bench engine test-engine cluster test-cluster test-aws test-gateway test-supply fuzz lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

# -- environment: one virtual environment, every version and hash from requirements*.txt ---------------------------
.venv/.runtime: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "inferplan needs Python 3.11 or newer; set PYTHON=...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/.dev: requirements-dev.txt .venv/.runtime
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

setup: .venv/.runtime ## make .venv with the inferplan command in it
setup-dev: .venv/.dev ## the same, with the tools for tests and lint

# -- the two commands of the README --------------------------------------------------------------------------------
demo: setup ## plan, record and judge the three example specs, offline
	@$(BIN)/inferplan check $(EXAMPLES) --as-of $(AS_OF)

test: setup-dev ## unit tests, goldens, layering, documentation
	$(BIN)/pytest -q -n auto --dist worksteal --durations 5 --durations-min 2 -m "not engine and not cluster and not aws and not gateway and not supply"

# -- development ---------------------------------------------------------------------------------------------------
lint: setup-dev ## ruff, formatting and mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup-dev ## rewrite code and catalog tables to the house format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python -m inferplan.catalog.refresh.rows

golden: setup-dev ## rewrite the goldens; read the diff as a reviewer would
	$(BIN)/pytest -q tests/unit/test_golden.py --rewrite-golden

docs: setup-dev ## rewrite the generated pages and JSON Schemas
	$(BIN)/python -m tests.documentation

wheels: setup-dev ## fetch the pinned wheels that the catalog's tables are read from, once, into the cache
	$(BIN)/python -m inferplan.catalog.refresh.wheels

refresh: wheels ## make the generated tables of the catalog anew from the pinned sources; read what changed
	$(BIN)/python -m inferplan.catalog.refresh

bench: setup-dev ## timings as ratios, measured side by side in one run
	$(BIN)/python -m tests.bench

# -- the real engine, cached outside the tree ----------------------------------------------------------------------
engine: ## build the Pulumi engine from Go modules, unless an official one is on PATH
	@tests/engine/build.sh

test-engine: setup-dev engine ## preview, up, second up and destroy on the real engine, with the policy pack
	$(BIN)/pytest -q -m engine tests/engine

cluster: ## build a Kubernetes control plane (API server, scheduler, controllers, etcd) from Go modules
	@tests/cluster/build.sh

test-cluster: setup-dev cluster ## the planned workload on a real Kubernetes control plane
	$(BIN)/pytest -q -m cluster tests/cluster

test-aws: setup-dev ## every variant of the examples before what AWS publishes
	$(BIN)/pytest -q tests/aws

COUNT := 2000
SEED := 1
fuzz: setup-dev ## COUNT inputs that nobody meant, from SEED, to every verb; unit tests run a sample
	$(BIN)/python -m tests.fuzz $(COUNT) $(SEED)

test-gateway: setup-dev ## the planned proxy, started for real: LiteLLM, PostgreSQL, Redis, all on loopback
	-@tests/gateway/build.sh >/dev/null  # where it cannot be built, the tests are skipped and say so
	$(BIN)/pytest -q -m gateway tests/gateway

test-supply: setup-dev ## lock and mirror against a real OCI registry and a stand-in for the hub, on loopback
	-@tests/supply/build.sh >/dev/null  # where there is no registry, its tests are skipped and say so
	$(BIN)/pytest -q -m supply tests/supply

lock: setup-dev ## write every version and hash anew
	$(BIN)/pip-compile --quiet --generate-hashes --no-emit-index-url --no-emit-trusted-host --no-emit-find-links \
		--allow-unsafe --strip-extras --no-header -o requirements.txt pyproject.toml
	$(BIN)/pip-compile --quiet --generate-hashes --no-emit-index-url --no-emit-trusted-host --no-emit-find-links \
		--allow-unsafe --strip-extras --no-header --extra dev -c requirements.txt -o requirements-dev.txt pyproject.toml

clean: ## remove the virtual environment and caches of the tree
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info
