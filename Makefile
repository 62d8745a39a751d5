# Each target works on a fresh machine: it installs what it needs into .venv/ and .venv-emulator/ first.
# Newcomers need two: make demo, make test.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
PIP := -m pip --disable-pip-version-check -qq
STACK ?=
CONFIG ?= default
IMAGES ?= radiomics salmon survival
TAG ?= local
RADIOMICS ?=
RNASEQ ?=
SURVIVAL ?=
# Parameters on sam's command line replace those of samconfig.toml, so both are given.
SETTINGS = $(shell $(PYTHON) -c 'import tomllib; print(*tomllib.load(open("samconfig.toml", "rb"))["$(CONFIG)"]["deploy"]["parameters"]["parameter_overrides"])')
RUNTIME := $(shell $(PYTHON) -c 'import sys; print("python%d.%d" % sys.version_info[:2])')

# The package list is complete (every dependency is pinned with its hashes), so pip has nothing to resolve.
INSTALL := -m pip --disable-pip-version-check install --no-deps --require-hashes --progress-bar off --requirement
# Says how far an installation is: pip alone is silent for minutes.
PROGRESS := $(PYTHON) requirements/progress.py

export SAM_CLI_TELEMETRY := 0
export PYTHONDONTWRITEBYTECODE := 1

.PHONY: help setup salmon examples demo cohort up down status test check lint types unit audit audit-tools fuzz chaos e2e e2e-forget bench smoke dataset build deploy ready-to-deploy images contracts reference lock notebook docs clean

help: ## show this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /  make \1\t/' | expand -t 20

setup: $(VENV)/.ready .venv-emulator/.ready salmon ## install the tools, the jobs and the emulator

# $(call apt,how to see that it is there,Debian's package,what is left out without it): installed where the machine lets us.
apt = $(1) >/dev/null 2>&1 || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Installing $(2) (apt-get install $(2))…"; \
	    { apt-get update -qq && apt-get install --yes -qq $(2); } >/dev/null 2>&1 || true; \
	  fi; \
	  $(1) >/dev/null 2>&1 || echo "$(2) is not installed (apt-get install $(2)): $(3)."; }

# Quantifies RNA-seq reads. It is a program, not a package: Debian and Ubuntu have it, and without it all else works.
salmon:
	@$(call apt,command -v salmon,salmon,RNA-seq is left out)
	@$(call apt,command -v fastp,fastp,reads are not trimmed)

# Human reads for the end-to-end tests.
examples:
	@$(call apt,ls /usr/share/doc/kallisto/test/reads_1.fastq.gz,kallisto-examples,the tests with its reads are left out)

$(VENV)/.ready: pyproject.toml requirements/dev.txt containers/radiomics/pyproject.toml containers/rnaseq/pyproject.toml containers/survival/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 …"; exit 1; }
	@command -v cc gcc >/dev/null || { echo "A C compiler is needed (pyradiomics is compiled on installation)."; exit 1; }
	@echo "Setting up $(VENV): tools, tests and the jobs (two to four minutes)"
	@$(PYTHON) -m venv $(VENV)
	@$(PY) $(INSTALL) requirements/dev.txt 2>&1 | $(PROGRESS) requirements/dev.txt $(VENV)
	@echo "  building pyradiomics' extension and linking the jobs"
	@$(PY) $(PIP) install --no-deps --no-build-isolation --editable containers/radiomics --editable containers/rnaseq \
	  --editable containers/survival --editable .
	@$(PY) -m compileall -q containers/*/src  # as in their images: else each start of a job compiles it
	@touch $@

# Environments of their own, each of requirements/<name>.txt: what is in it, and what is done once that is there.
ABOUT_emulator := the laptop cloud
ABOUT_bench := the article's pipeline, for comparison
ABOUT_audit := checkov, hadolint, bandit, detect-secrets, parliament and, with node, cdk-nag and asl-validator
ABOUT_docs := the documentation
ABOUT_notebook := the SageMaker SDK and what the notebook draws with (a minute, 800 MB)
AFTER_audit = cp requirements/audit/*.json .venv-audit; \
  if command -v npm >/dev/null; then cd .venv-audit && npm ci --silent --no-audit --no-fund; fi

.venv-audit/.ready: requirements/audit/package-lock.json
.venv-%/.ready: requirements/%.txt
	@echo "Setting up .venv-$*: $(ABOUT_$*)"
	@$(PYTHON) -m venv .venv-$*
	@.venv-$*/bin/python $(INSTALL) requirements/$*.txt 2>&1 | $(PROGRESS) requirements/$*.txt .venv-$*
	@$(AFTER_$*)
	@touch $@

# Against the laptop cloud that `make up` started, or the stack that MULTIMODAL_STACK names.
notebook: setup .venv-notebook/.ready ## run the researcher's notebook and write it with its outputs to build/
	@mkdir -p build && cp notebooks/explore_features.ipynb build/
	@test -n "$$MULTIMODAL_STACK" || eval "$$($(VENV)/bin/multimodal env)"; \
	  .venv-notebook/bin/jupyter-execute --inplace build/explore_features.ipynb && echo "build/explore_features.ipynb"

docs: .venv-docs/.ready ## build the documentation with its API pages into build/site
	@.venv-docs/bin/mkdocs build --quiet && echo "build/site/index.html"

demo: setup ## a cohort from upload to features on this machine; DATA=folder takes your own studies
	@$(PY) -m local demo $(if $(DATA),DATA="$(DATA)")

up: setup ## start the laptop cloud, deploy to it and leave it running; DATASETS=a,b names the datasets
	@$(PY) -m local up $(if $(DATASETS),--datasets "$(DATASETS)")

down: setup ## stop it and delete its uploads, ledger and features
	@$(PY) -m local down

status: setup ## what the ledger holds
	@$(VENV)/bin/multimodal status

cohort: setup ## write made-up studies, reads and a table: DIR=folder, and perhaps STUDIES=6 (and a damaged one)
	@test -n "$(DIR)" || { echo "Name a folder: make cohort DIR=sample STUDIES=6"; exit 1; }
	@$(PY) -m local cohort "$(DIR)" $(if $(STUDIES),--studies "$(STUDIES)")

dataset: setup ## draft a dataset's file from a clinical table: CSV=path, and perhaps NAME=name
	@test -n "$(CSV)" || { echo "Name the table: make dataset CSV=path/to/table.csv NAME=my_study"; exit 1; }
	@$(VENV)/bin/multimodal dataset draft "$(CSV)" $(if $(NAME),--name "$(NAME)")

test: check unit audit-tools e2e ## everything CI runs

check: lint types

lint: setup
	@$(VENV)/bin/ruff check .
	@found=$$(PYTHONPATH=functions:containers/radiomics/src:containers/rnaseq/src:containers/survival/src:. $(VENV)/bin/lint-imports --no-cache --no-logo) || \
	  { echo "$$found"; exit 1; }
	@$(VENV)/bin/codespell -D - -D docs/vocabulary.txt -L nd,rearrang,siz,calle,te,adresse,direccion
	@$(VENV)/bin/ruff format --check --quiet . || { echo "Run: $(VENV)/bin/ruff format ."; exit 1; }

types: setup
	@$(VENV)/bin/mypy --no-error-summary functions containers/radiomics/src containers/rnaseq/src containers/survival/src cli local benchmarks tests

unit: setup
	@$(PY) -m pytest -q -n 2 --dist loadfile tests/unit tests/contract tests/infrastructure tests/fuzz
	@$(PY) -m pytest -q -r f --doctest-modules cli functions/multimodal containers/radiomics/src containers/rnaseq/src containers/survival/src

fuzz: setup ## 60 s of damaged studies per parser, of damaged tables and of sheets; FUZZ="--parser zip --seconds 10 --seed 7" changes that
	@$(PY) -m tests.fuzz $(FUZZ)
	@$(PY) -m tests.fuzz.clinical
	@$(PY) -m tests.fuzz.sheets

audit: audit-tools ## nine linters of template, policies, machines, images and code; what is accepted is in pyproject.toml
	@$(PY) -m pytest -q tests/infrastructure/test_lint.py

audit-tools: setup .venv-audit/.ready
	@$(PY) -m tests.infrastructure.audit

chaos: setup ## 2,000 histories of faults in memory, then faults of the deployed stack and a restart: nothing lost, nothing twice
	@CHAOS_EXAMPLES=2000 POWERTOOLS_LOG_LEVEL=CRITICAL $(PY) -m pytest -q -s tests/unit/functions/test_chaos.py tests/chaos

# The tests of tests/evidence judge what all workers of tests/end_to_end saw together.
e2e: setup examples
	@rm -rf build/evidence
	@E2E_EVIDENCE=build/evidence $(PY) -m pytest -q -n 2 --dist loadfile tests/end_to_end
	@E2E_EVIDENCE=build/evidence $(PY) -m pytest -q tests/evidence

e2e-forget: setup ## forget one of two patients on a stack of its own, and look for what is left
	@E2E_FORGET=1 $(PY) -m pytest -q tests/end_to_end/test_subject_forgotten.py

bench: $(VENV)/.ready .venv-bench/.ready salmon ## time and memory against plain ways (some minutes); BENCH=imaging|cohort|shape|genomics|matrix|clinical|reads|dataset-join|peers, or events with BASE=checkout
	@$(PY) -m benchmarks $(BENCH)

smoke: setup ## the end-to-end tests against a real account: make smoke STACK=name
	@test -n "$(STACK)" || { echo "Name the deployed stack: make smoke STACK=multimodal"; exit 1; }
	SMOKE_STACK=$(STACK) $(PY) -m pytest -v tests/end_to_end tests/contract/test_steps.py

build: setup ## sam build with the host's Python as runtime
	$(VENV)/bin/sam build --parameter-overrides PythonRuntime=$(RUNTIME)
	@$(PY) -m compileall -q --invalidation-mode unchecked-hash .aws-sam/build  # a function's folder is read-only: fast-3
	@for each in .aws-sam/build/*/multimodal; do [ ! -d $$each ] || (cd $$each/.. && PYTHONPATH=. $(abspath $(VENV))/bin/python -m multimodal.report.templates_of_package) || exit; done

ready-to-deploy: setup
	@$(PY) -m cli.account "$(CONFIG)"

deploy: ready-to-deploy build ## sam deploy; CONFIG=dev|prod picks a section of samconfig.toml
	$(VENV)/bin/sam deploy --config-env $(CONFIG) $(if $(STACK),--stack-name $(STACK)) \
	  --parameter-overrides $(SETTINGS) PythonRuntime=$(RUNTIME) $(PARAMETERS)

# Tags are those of the build in the account (stacks/images.yaml). Jobs run on x86-64 only. SageMaker takes Docker's media types and
# single images: neither OCI's, which Podman writes by default, nor the index that a provenance attestation makes of an image.
images: ## build the jobs' images; IMAGES="radiomics salmon dragen survival" picks; RADIOMICS=uri RNASEQ=uri SURVIVAL=uri TAG=1.0.0 pushes
	@engine=""; for name in docker finch podman; do \
	  if [ -z "$$engine" ] && $$name info >/dev/null 2>&1; then engine=$$name; fi; done; \
	if [ -z "$$engine" ]; then \
	  echo "make images needs Docker, Finch or Podman, and none is running here; docs/deploy.md says how AWS builds them."; exit 1; fi; \
	if [ "$(TAG)" = local ] && [ -n "$(RADIOMICS)$(RNASEQ)$(SURVIVAL)" ]; then \
	  echo "Name the version to push: TAG=1.0.0 (a tag is never replaced)."; exit 1; fi; \
	for image in $(IMAGES); do \
	  case $$image in \
	    radiomics) folder=radiomics; file=Dockerfile; repository="$(RADIOMICS)"; tag="$(TAG)" ;; \
	    survival) folder=survival; file=Dockerfile; repository="$(SURVIVAL)"; tag="$(TAG)" ;; \
	    salmon|dragen) folder=rnaseq; file=$$image.Dockerfile; repository="$(RNASEQ)"; tag="$$image-$(TAG)" ;; \
	    *) echo "IMAGES may name radiomics, salmon, dragen and survival, not $$image."; exit 1 ;; \
	  esac; \
	  uri="$${repository:-multimodal-$$folder}:$$tag"; \
	  echo "Building $$uri with $$engine…"; \
	  case $$engine in podman) format="--format docker" ;; *) format="--provenance=false --sbom=false" ;; esac; \
	  $$engine build $$format --platform linux/amd64 --file "containers/$$folder/$$file" --tag "$$uri" "containers/$$folder"; \
	  if [ -n "$$repository" ]; then $$engine push "$$uri"; fi; \
	done

contracts: setup ## write what the radiomics parameter files promise to the functions
	@PYTHONPATH=functions:containers/radiomics/src:. $(PY) -m local.contracts

reference: setup ## write the tables of reason codes into the documents
	@$(PY) -m local.reference

lock: setup ## pin the requirements anew (needs uv)
	@$(PY) $(PIP) install uv
	@for name in dev emulator; do \
	  $(VENV)/bin/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	    --no-header requirements/$$name.in --output-file requirements/$$name.txt; done
	@$(VENV)/bin/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	    --no-header --constraint requirements/dev.txt requirements/bench.in --output-file requirements/bench.txt
	@$(VENV)/bin/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	    --no-header requirements/notebook.in --output-file requirements/notebook.txt
	@$(VENV)/bin/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	    --no-header --constraint requirements/dev.txt requirements/docs.in --output-file requirements/docs.txt
	@$(VENV)/bin/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	    --no-header requirements/audit.in --output-file requirements/audit.txt
	@$(VENV)/bin/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	    --no-header requirements/functions.in --output-file functions/requirements.txt
	@$(VENV)/bin/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	    --no-header requirements/duckdb.in --output-file requirements/duckdb/requirements.txt
	@for name in radiomics rnaseq survival; do \
	  $(VENV)/bin/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	    --no-header --no-annotate --constraint requirements/dev.txt containers/$$name/pyproject.toml \
	    --output-file containers/$$name/requirements.txt; \
	  sed -i '1i # Versions and hashes of everything in the image, held to requirements/dev.txt, which the tests run with (make lock).' \
	    containers/$$name/requirements.txt; done

clean: ## remove what the other targets made, environments included
	rm -rf $(VENV) .venv-emulator .venv-bench .venv-peers .venv-docs .venv-notebook .venv-audit build/site .local .aws-sam demo-output .mypy_cache .ruff_cache .pytest_cache
