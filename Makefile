# Every door of the course; `make` alone lists them. The first call of any target sets everything up.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV   ?= .venv
A      ?=
JOBS   ?=
# Where pip finds PyTorch's CPU build, if not in your index:
#   make setup PIP_FLAGS="--extra-index-url https://download.pytorch.org/whl/cpu"
PIP_FLAGS ?=

BIN   := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help setup test check demo starter release new grade audit bench fuzz faults gallery reproduce clean attacks

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' Makefile

setup: $(READY) ## virtual environment, pinned dependencies, bubblewrap; costs nothing the second time

$(READY): pyproject.toml constraints.txt scripts/setup.sh
	@PYTHON="$(PYTHON)" VENV="$(VENV)" PIP_FLAGS="$(PIP_FLAGS)" bash scripts/setup.sh
	@touch $@

test: setup check ## lint, types, generated files, then the whole default test suite
	$(BIN)/python -m pytest

check: setup ## lint, types, and starter_code/ regenerated with no difference
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/autograder starter --check

demo: setup ## grade the sample class of homework 1 and show where the report is
	$(BIN)/autograder examples hw1_mdp --out build/demo/class
	$(BIN)/autograder grade hw1_mdp build/demo/class --out build/demo/graded --fresh $(if $(JOBS),--jobs $(JOBS))

starter: setup ## regenerate starter_code/ (all, or A=hw1_mdp)
	$(BIN)/autograder starter $(A)

release: setup ## A=hw1_mdp: write the student's, the grader's and Gradescope's zip into dist/
	$(BIN)/autograder release $(or $(A),$(error say which one: make release A=hw1_mdp))

new: setup ## A=hw7_demo: scaffold a complete tiny assignment
	$(BIN)/autograder new $(or $(A),$(error say its name: make new A=hw7_demo))

grade: setup ## A=hw1_mdp S=submissions/: grade a folder of submissions
	$(BIN)/autograder grade $(or $(A),$(error say which one: make grade A=hw1_mdp S=submissions/)) $(or $(S),$(error say where the submissions are: S=submissions/)) $(if $(JOBS),--jobs $(JOBS))

audit: setup ## prove the grading fair (all, or A=hw1_mdp; ARGS=--changed for what changed)
	$(BIN)/autograder audit $(A) $(if $(JOBS),--jobs $(JOBS)) $(ARGS)

bench: setup ## measure all of it, or BENCH="sandbox peers class environments ant learners algorithms"
	$(BIN)/python -m tests.bench $(BENCH)

gallery: setup ## every environment and camera on one sheet, docs/gallery.png
	$(BIN)/python -m environments.gallery docs/gallery.png

attacks: setup ## play every hostile submission in every tier, and show that each lives (ATTACKS="--only reading --no-live")
	$(BIN)/python -m tests.attacks $(ATTACKS)

fuzz: setup ## mutate frames, calls, markers and 10,000 hand-ins (long; FUZZ="intake --mutants 500" for a part)
	$(BIN)/python -m tests.autograder.fuzz $(FUZZ)

faults: setup ## kill a batch 100 times and resume it, regrade a class 20 times (long; FAULTS="regrade --times 4")
	$(BIN)/python -m tests.autograder.faults $(FAULTS)

reproduce: setup ## A=hw1_mdp: regenerate the assignment's headline table and figure
	$(BIN)/python solutions/$(or $(A),$(error say which one: make reproduce A=hw1_mdp))/reproduce.py $(ARGS)

clean: ## remove what is generated and not committed (keeps the virtual environment)
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache
