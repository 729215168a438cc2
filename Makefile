.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SCENARIO ?= examples/childress-compare.toml
INSTALL := -m pip install --quiet --disable-pip-version-check
SUDO := $(shell [ "$$(id -u)" = 0 ] || command -v sudo)

.PHONY: help setup setup-test plan test quick lint docs wheel bench fuzz faults load lock audit sbom clean

help: ## list the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

setup: $(VENV)/.ready ## prepare .venv with the megawatt command

$(VENV)/.ready: pyproject.toml requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; set PYTHON=")'
	@$(PYTHON) -m venv $(VENV) || { $(SUDO) apt-get update -q && $(SUDO) apt-get install -y -q python3-venv && $(PYTHON) -m venv $(VENV); }
	$(BIN)/python $(INSTALL) --require-hashes --requirement requirements.txt
	$(BIN)/python $(INSTALL) --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q src/megawatt
	@touch $@

$(VENV)/.ready-test: $(VENV)/.ready requirements-test.txt
	$(BIN)/python $(INSTALL) --require-hashes --requirement requirements-test.txt
	@command -v chromium >/dev/null || { $(SUDO) apt-get update -q && $(SUDO) apt-get install -y -q --no-install-recommends chromium fonts-dejavu-core; }
	@touch $@

plan: setup ## run the main job: the Childress comparison, chip to cash
	$(BIN)/megawatt plan $(SCENARIO) --workers $$(nproc)

test: $(VENV)/.ready-test ## run all tests, headless Chromium included
	$(BIN)/python -m pytest -n 2 --dist loadfile

setup-test: $(VENV)/.ready-test ## prepare .venv with everything that the tests need

QUICK := tests/unit/test_rooms.py tests/unit/test_constants.py tests/unit/api tests/unit/files tests/unit/tariff tests/unit/mining
quick: $(VENV)/.ready-test ## the short tests, in under half a minute
	$(BIN)/python -m pytest -m "not slow and not browser and not reference" -n 2 --dist loadfile $(QUICK)

docs: $(VENV)/.ready-test ## the documentation as pages in site/, from the code and without the network
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

wheel: $(VENV)/.ready ## build the wheel and run it outside the source tree
	$(BIN)/python -m hatchling build -t wheel
	$(BIN)/python -m tools.wheel dist

lint: $(VENV)/.ready-test ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.ready-test ## benchmarks, as ratios or against stated limits
	$(BIN)/python -m benchmarks

faults: $(VENV)/.ready-test ## kill runs and fill their disk at every step; broken folders are counted
	$(BIN)/python -m tools.faults $(KILLS)

load: $(VENV)/.ready-test ## plans, searches and dispatch years by the thousand: memory, files and processes stay flat
	$(BIN)/python -m tools.load

$(VENV)-audit/.ready:
	@$(PYTHON) -m venv $(VENV)-audit
	$(VENV)-audit/bin/python $(INSTALL) cyclonedx-bom==7.5.0 pip-audit==2.10.1 uv==0.13.9
	@touch $@

LOCK := $(VENV)-audit/bin/uv pip compile --quiet pyproject.toml --universal --python-version 3.11 --generate-hashes --no-annotate --no-header
lock: $(VENV)-audit/.ready ## pin what pyproject.toml asks for, with hashes (UPGRADE=--upgrade: the newest)
	$(LOCK) $(UPGRADE) --extra build --output-file requirements.txt
	$(LOCK) $(UPGRADE) --extra build --extra test --extra lint --extra app --extra arrow --extra cluster --extra docs --extra pandas --output-file requirements-test.txt

audit: $(VENV)-audit/.ready ## look the pinned versions up among known vulnerabilities
	$(VENV)-audit/bin/pip-audit --requirement requirements-test.txt --require-hashes --disable-pip --strict $(AUDIT)

sbom: $(VENV)/.ready $(VENV)-audit/.ready ## write sbom.json, a CycloneDX bill of materials of .venv
	$(VENV)-audit/bin/cyclonedx-py environment $(BIN)/python --output-format JSON --output-file sbom.json

fuzz: $(VENV)/.ready-test ## broken scenarios, files and arguments by the thousand (SEED=1)
	$(BIN)/python -m tests.fuzz --seed $(or $(SEED),1)

clean: ## remove what make made
	rm -rf site dist $(VENV) $(VENV)-audit sbom.json runs .mypy_cache .ruff_cache .hypothesis
