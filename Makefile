# Every habit of this project is a target. Python below 3.11 is too old; PYTHON=python3.12 names another.
PYTHON ?= python3
# Ctrl-C waits until Python has started and answers it with one line; where `env` cannot, it may meet a traceback.
CALMLY := $(shell env --block-signal=INT true 2>/dev/null && echo env --block-signal=INT)
# Said before anything is installed, by whatever Python is there.
SUITS = $(CALMLY) $(PYTHON) -c 'import sys; sys.exit(sys.platform != "linux" and "firstcome runs on Linux: on macOS and \
Windows in a container, by docker compose up (compose.yaml says more)" or sys.version_info < (3, 11) and \
"firstcome needs Python 3.11 or newer: make PYTHON=…")'
PY := .venv/bin/python
READY := .venv/.ready
CHECKOV := .venv/checkov
# What ends or shows something installs nothing, and needs the standard library only.
BARE = if [ -x $(PY) ]; then set -- $(PY); else $(SUITS) && set -- $(PYTHON); fi && $(CALMLY) "$$@" -m dev
TEMPLATES := $(wildcard template*.yaml)
# SAM CLI neither reports nor looks for the credentials of an EC2 machine, which takes seconds everywhere else.
export SAM_CLI_TELEMETRY := 0
export AWS_EC2_METADATA_DISABLED := true
# A folder's name may have letters that the developer's locale does not know.
export PYTHONUTF8 := 1
# Where a shell forbids byte code, as images of containers do, each of a thousand processes compiles all that it imports.
export PYTHONDONTWRITEBYTECODE :=
PYTEST := $(PY) -m pytest
AUDIT := .venv/audit
LOCKS := layers/common/python/requirements.txt $(wildcard requirements-*.txt)

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-web up down status logs reset test test-unit test-integration test-e2e test-web test-sam test-build test-deploy test-faults test-faults-long test-topology simulate fuzz sabotage lint types audit sbom bench bench-quick capacity cli-reference reference vendor openapi picture images links rds-ca lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ The local cloud

demo: setup ## an event of 100 coupons against 1,000 people, with the proof; sets everything up, and stops it again
	@$(CALMLY) $(PY) -m dev demo

demo-web: setup ## an event that 1,000 people come to, to be watched in the console and on the page; prints their addresses
	@$(CALMLY) $(PY) -m dev demo-web

up: setup ## start the cloud in the background; .local/cloud.env says where it listens
	@$(CALMLY) $(PY) -m dev up

down: ## stop it
	@$(BARE) down

status: ## what of it runs, and where
	@$(BARE) status

logs: ## what all of it says, until Ctrl-C
	@$(BARE) logs

reset: ## stop it and empty its data folder
	@$(BARE) reset

##@ Checks

test: setup ## all tests on real servers, with coverage; both crash matrices, SAM and the browser have their own
	$(PYTEST) -n auto --cov --cov-report=term:skip-covered --ignore=tests/faults --ignore=tests/topology --ignore=tests/sam --ignore=tests/web

test-unit: setup ## only those that need no server
	$(PYTEST) tests/unit

test-integration: setup ## only those of one part on real servers
	$(PYTEST) tests/integration

test-e2e: setup ## only those over HTTP through the local cloud
	$(PYTEST) tests/e2e

test-web: setup ## the pages in a real browser, Debian's Chromium
	$(PYTEST) tests/web

test-sam: setup ## sam build, and sam local in containers: every sample event, every answer of the API; needs Docker
	$(PYTEST) tests/sam

test-build: setup ## the first half of test-sam, which needs no Docker: what sam build makes
	$(PYTEST) tests/sam --ignore=tests/sam/containers

# docs/deploy.md, D, says which test holds what.
DEPLOYED := $(addprefix tests/unit/,template test_local_template.py test_dashboard.py test_docs.py test_edge.py) \
	$(addprefix tests/integration/,test_topic.py test_grants.py test_rewind.py test_prime.py test_storm.py tls) \
	$(addprefix tests/e2e/,test_edge.py test_flood.py test_doors.py)

test-deploy: lint test-sam ## all that can be proven of a deployment without an account: lint, test-sam, the templates, what they rely on
	$(PYTEST) $(DEPLOYED)

test-faults: setup ## the crash matrix: real processes killed, real servers stopped; figures of each
	@rm -f .local/faults/figures.jsonl
	$(PYTEST) -n auto tests/faults

test-faults-long: setup ## the outage of 130 s
	$(PYTEST) tests/faults/long

test-topology: setup ## the second crash matrix: three brokers, Redis with replicas, a semi-synchronous ledger; who leads dies
	@rm -f .local/topology/figures.jsonl
	$(PYTEST) tests/topology

SEED ?= $(shell date +%s)

simulate: setup ## the simulation, for longer: EXAMPLES=2000 SEED=1
	@echo "seed $(SEED)"
	FIRSTCOME_SIMULATION_EXAMPLES=$(or $(EXAMPLES),2000) $(PYTEST) tests/simulation -s --hypothesis-seed=$(SEED)

fuzz: setup ## the requests that are made from the documents of both APIs, many more of them: EXAMPLES=100 SEED=1
	@echo "seed $(SEED)"
	FIRSTCOME_DOCUMENT_EXAMPLES=$(or $(EXAMPLES),100) $(PYTEST) tests/e2e/test_document.py tests/integration/test_operators_document.py --hypothesis-seed=$(SEED)

sabotage: setup ## take each guard of the promise out of a copy, and see its test go red
	@PYTHONPATH=layers/common/python $(PY) -m tests.sabotage

lint: setup $(CHECKOV)/.ready ## ruff, import rules, the templates: as written, as SAM translates them, and checkov
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	PYTHONPATH=layers/common/python:. .venv/bin/lint-imports --no-cache --no-logo
	@for template in $(TEMPLATES); do \
		$(PY) -m samcli validate --lint --region us-east-1 --template $$template && \
		$(PY) -m samcli validate --config-env plain --region us-east-1 --template $$template || exit 1; done
	$(PY) -m dev.translated
	$(CHECKOV)/bin/checkov --config-file .checkov.yaml

types: setup ## mypy, strict
	$(PY) -m mypy

audit: setup $(AUDIT)/.ready ## known vulnerabilities in the locks; asks PyPI's database, so it needs the open network
	@# --strict: a package that the database does not know is an error, not "no known vulnerabilities". Without pip: the
	@# locks are complete, and nothing is installed.
	@for lock in $(LOCKS); do echo "$$lock"; \
	  $(AUDIT)/bin/pip-audit --strict --disable-pip --require-hashes --progress-spinner off -r $$lock || exit; done

##@ Benchmarks

bench: setup ## the benchmarks, with their report in benchmarks/report; NAME=gate runs one, reported in .local/bench/report
	@PYTHONPATH=layers/common/python $(PY) -m benchmarks $(NAME)

bench-quick: setup ## one round of little load each: shows that every benchmark works
	@PYTHONPATH=layers/common/python $(PY) -m benchmarks --quick $(NAME)

capacity: setup ## which limit comes first, what to set, what it costs: ARGS="--burst 10000 --coupons 10000", ARGS=--sizes
	@PYTHONPATH=layers/common/python $(PY) -m benchmarks.scale.capacity $(ARGS)

##@ What is generated

sbom: setup $(AUDIT)/.ready ## docs/sbom.json, the bill of materials of the layer, from its lock
	$(PY) -m dev.sbom $(AUDIT)/bin/cyclonedx-py

cli-reference: setup ## docs/cli.md, from the commands themselves
	$(PY) -m dev.cli_reference

reference: setup ## docs/reference.md: settings, metrics and tables, from the code, the template and the schema
	PYTHONPATH=layers/common/python $(PY) -m dev.reference

vendor: setup ## web/console/vendor, the libraries of the console, from their lock; needs npm
	$(PY) -m dev.vendor

openapi: setup ## docs/openapi.json and docs/openapi-operators.json, from the tables of both APIs
	$(PY) -m dev.openapi
	$(PY) -m dev.openapi_operators

picture: setup ## docs/images/demo.svg, the proof that the demonstration ends with
	@$(CALMLY) $(PY) -m dev demo | $(PY) -m dev.picture

images: setup ## docs/images: every state of the page in both languages, the console in light and dark
	PYTHONPATH=layers/common/python $(PY) -m tests.web.images

links: setup ## the lines that the documents link to, by the names of what stands there
	@$(PY) -m dev.links

rds-ca: setup ## the CA certificates of RDS in the layer, from an npm package
	PYTHONPATH=layers/common/python $(PY) -m dev.rds_ca

lock: setup ## requirements*.txt from requirements*.in
	$(LOCK) layers/common/python/requirements.in -o layers/common/python/requirements.txt
	$(LOCK) -c layers/common/python/requirements.txt requirements-dev.in -o requirements-dev.txt
	$(LOCK) requirements-audit.in -o requirements-audit.txt
	$(LOCK) requirements-checkov.in -o requirements-checkov.txt

##@ Setting up

setup: $(READY) ## .venv with everything, from the lock file; instant the second time

clean: ## delete what can be made again, but for the cloud's data (make reset)
	rm -rf .venv .aws-sam .coverage .coverage.* htmlcov .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './.local/*' -prune -exec rm -rf {} +

# --universal: one lock for every Python from 3.11 on and for both architectures.
LOCK := .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock"

# A name that leads nowhere, as after an upgrade of the system's Python, is a Python that is not there.
$(READY): requirements-dev.txt $(PY) $(wildcard cli/pyproject.toml)
	@$(SUITS)
	@$(CALMLY) $(PYTHON) dev/setup.py .venv $< cli

$(PY): ;

# The auditors and checkov, each when it is asked for, in an environment of its own: nothing of what they look at may
# depend on them.
.venv/%/.ready: requirements-%.txt $(READY)
	@$(CALMLY) $(PYTHON) dev/setup.py .venv/$* $<
