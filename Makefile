# Everything is made in .venv; a target sets up what it needs and does nothing twice.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check
DONE := $(VENV)/stamps

# The first Python that is new enough; `make PYTHON=… test` names another.
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13 python3.14; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

.PHONY: help setup weights quality tune run complete test toolchains lint format bench bench-fim bench-typing \
	bench-speculation bench-startup bench-load bench-tuned bench-index bench-context bench-grounding \
	bench-edits bench-editing-load bench-tests bench-translation bench-editors bench-clients soak editors package bundle screenshots faults guard report trace doctor lock fuzz clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(DONE)/native ## make .venv with everything but the weights

weights: setup ## get the fast model (491 MB), once
	@[ -s "$$(cat $(DONE)/weights 2>/dev/null)" ] || { \
		$(PY) -m slmcode.cli models pull fast > $(DONE)/weights; }

quality: setup ## get the model that writes edits (1.1 GB), once
	@$(PY) -m slmcode.cli models pull quality > /dev/null

tune: weights ## fit the fast model to this machine (minutes); used by default from then on
	@$(PY) -m slmcode.cli models tune fast $(ARGS)

run: weights ## watch the model complete a sample project, or FILE=path
	@$(PY) -m slmcode.cli demo $(if $(FILE),"$(FILE)")

complete: weights ## one completion explained: AT=file:line:column
	@$(PY) -m slmcode.cli complete "$(AT)"

test: weights toolchains ## all tests; ARGS="-k name" for some
	@$(PY) -m pytest $(ARGS)

fuzz: setup ## documents and messages at random; EDITS=1000000 MESSAGES=1000000 SEED=1
	@.ci/setup/editors.sh node
	@$(PY) -m tests.fuzz.documents --edits $(or $(EDITS),1000000) $(if $(SEED),--seed $(SEED))
	@$(PY) -m tests.fuzz.protocol --messages $(or $(MESSAGES),1000000) $(if $(SEED),--seed $(SEED))

toolchains: setup ## compilers by which translations are proved: Debian's, where root may install
	@.ci/setup/toolchains.sh

lint: setup ## ruff and mypy; ESLint and tsc; luacheck; known vulnerabilities where a registry answers
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(PY) editors/generate.py --check
	@.ci/setup/editors.sh node
	@editors/lint.sh
	@$(PY) .ci/audit.py

editors: setup ## get the programs that tests in real editors drive (1.2 GB), once
	@.ci/setup/editors.sh

package: setup ## dist/: the VS Code extension (vsix), the Neovim plugin, bills of materials
	@.ci/setup/editors.sh node
	@PATH="$(CURDIR)/$(VENV)/editors/node/bin:$$PATH" editors/package.sh dist

bundle: weights package ## dist/slmcode.tar: what installs all of it without a network; ARGS="--quality"
	@$(PY) -m slmcode.cli bundle dist/slmcode.tar --force $(ARGS)

screenshots: weights editors ## draw the README's pictures anew in the real editors
	@$(PY) -m tests.editors.screenshots editors/screenshots

format: setup ## let ruff rewrite the code
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

bench: weights toolchains ## all benchmarks; SHORT=1 for the few minutes of CI
	@$(PY) -m benchmarks $(if $(SHORT),--short) $(ARGS)

bench-fim: weights ## quality of fill-in-the-middle; ARGS="--n 100"
	@$(PY) -m benchmarks.fim $(ARGS)

bench-tuned: weights ## first-line hits, tuned against official weights, paired
	@$(PY) -m benchmarks.fim --model fast-official,fast --out artifacts/fim.jsonl $(ARGS)

bench-typing: weights ## the typing replay; ARGS="--files 6 --seconds 300"
	@$(PY) -m benchmarks.typing $(ARGS)

bench-load: weights ## the typing replay with two CPU-bound processes beside it
	@$(PY) -m benchmarks.typing --beside 2 $(ARGS)

bench-speculation: weights ## tokens a second with and without drafts
	@$(PY) -m benchmarks.speculation $(ARGS)

bench-startup: weights ## the editor's start, and the cost of doing nothing
	@$(PY) -m benchmarks.startup $(ARGS)

bench-index: setup ## the index: cold, warm, one file, queries; ARGS="--lines 1000000"
	@$(PY) -m benchmarks.index $(ARGS)

bench-context: weights ## hits with and without context from other files, each source switched off
	@$(PY) -m benchmarks.context $(ARGS)

bench-grounding: weights ## undefined names in suggestions, before and after they are looked for
	@$(PY) -m benchmarks.grounding $(ARGS)

bench-edits: weights quality ## edits: CanItEdit, or ARGS="--set functions --n 200"
	@$(PY) -m benchmarks.edits $(ARGS)

bench-editing-load: weights quality ## completions while an edit runs, against without
	@$(PY) -m benchmarks.editing_load $(ARGS)

bench-tests: weights quality ## generated tests: how many run, pass and find a seeded fault
	@$(PY) -m benchmarks.generated_tests $(ARGS)

bench-translation: setup toolchains ## translations; ARGS="--set codenet,gnucobol,speed"
	@$(PY) -m benchmarks.translation $(ARGS)

bench-editors: weights editors ## last key to ghost text on the screen, in VS Code and Neovim
	@$(PY) -m benchmarks.editors $(ARGS)

bench-clients: weights ## 20 editors on one engine, 100 requests a second, 10 MB pasted, 1,000 documents
	@$(PY) -m benchmarks.clients $(ARGS)

soak: weights ## works at random for HOURS=n or MINUTES=n (10) and looks for growth; ARGS="--seed 7"
	@$(PY) -m benchmarks.soak $(if $(HOURS),--hours $(HOURS)) $(if $(MINUTES),--minutes $(MINUTES)) $(ARGS)

faults: setup ## kill the engine again and again, at every stage; KILLS=1000 SEED=1
	@$(PY) -m tests.faults.kills --kills $(or $(KILLS),1000) --seed $(or $(SEED),1)

guard: setup ## the last bench run against the committed baseline; ARGS="--update FILE…"
	@$(PY) -m benchmarks.guard $(ARGS)

report: setup ## artifacts/report.html: distributions, a typing session, bars, history
	@$(PY) -m benchmarks.html $(ARGS)

trace: weights ## replay a recorded session, the shipped one or SESSION=file
	@$(PY) -m slmcode.cli trace "$(or $(SESSION),benchmarks/sessions/typing.jsonl)" $(ARGS)

doctor: setup ## check this machine and say what to do
	@$(PY) -m slmcode.cli doctor

lock: setup ## resolve pyproject.toml anew into requirements.lock
	@$(PIP) install -qq uv
	@$(VENV)/bin/uv pip compile pyproject.toml --extra dev --generate-hashes --no-header \
		--no-annotate --python-version 3.11 --universal --quiet --output-file requirements.lock

clean: ## remove .venv and caches; weights and the built library stay
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .benchmarks artifacts
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Set-up, one stamp a step.

$(DONE)/venv: .ci/setup/system.sh
	@[ -n "$(PYTHON)" ] || { echo "slmcode needs Python 3.11 or newer, and none was found." \
		"Name one: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@.ci/setup/system.sh $(PYTHON)
	@[ -x $(PY) ] || $(PYTHON) -m venv $(VENV)
	@mkdir -p $(DONE) && touch $@

$(DONE)/packages: requirements.lock $(DONE)/venv
	@echo "Installing the Python packages of requirements.lock"
	@rm -f $(DONE)/*.txt
	@awk '/^[a-z]/ { name = /^llama-cpp-python==/ ? "native" : "packages" } \
		{ print > "$(DONE)/" name ".txt" }' requirements.lock
	@$(PIP) install -qq --no-compile --require-hashes --no-deps --only-binary :all: -r $(DONE)/packages.txt
	@touch $@

$(DONE)/project: pyproject.toml $(DONE)/packages
	@$(PIP) install -qq --no-index --no-deps --no-build-isolation --editable .
	@touch $@

$(DONE)/native: .ci/setup/native_wheel.py .ci/setup/llama.cmake $(DONE)/project
	@$(PY) .ci/setup/native_wheel.py $(DONE)/native.txt
	@touch $@
