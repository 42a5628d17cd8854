# make phase-diagram   set up, run the quickstart sweep, draw its phase diagram
# make test            set up, lint, type-check, run every test
# make test-gpu        set up, run the tests that need a CUDA device; without one they are skipped
# make bench           set up, run every benchmark; one of them: make bench BENCH="floor --quick"
#
# Another build of torch, the CPU build of PyTorch's own index say:
#   make phase-diagram TORCH="torch --index-url https://download.pytorch.org/whl/cpu"

PYTHON ?= python3
TORCH ?= torch==2.13.0
SWEEP ?= multirun/quickstart
BENCH ?= all
BIN := .venv/bin
# one worker has the tests on Slurm, and waits for it most of the time
WORKERS ?= $(shell expr $$(nproc) + 1)

.PHONY: phase-diagram test test-gpu lint bench clean

phase-diagram: .venv/installed
	$(BIN)/python -m condense -m experiment=quickstart hydra.sweep.dir=$(SWEEP)
	$(BIN)/python -m analysis $(SWEEP)

test: .venv/developing lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup

test-gpu: .venv/developing
	$(BIN)/python -m pytest -m gpu -rs tests/condense/test_cuda.py

lint: .venv/developing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/developing
	$(BIN)/python -m benchmarks $(BENCH)

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "condense needs Python 3.11 or later: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv

.venv/torch: .venv/bin/python constraints.txt
	$(BIN)/python -c "import torch" 2>/dev/null || $(BIN)/python -m pip install $(TORCH)
	touch $@

# torch is installed by then, so its pin is left out: TORCH may be any build
.venv/constraints.txt: constraints.txt .venv/bin/python
	grep -v '^torch==' constraints.txt > $@

.venv/installed: .venv/torch .venv/constraints.txt pyproject.toml
	$(BIN)/python -m pip install --constraint .venv/constraints.txt --editable .
	touch $@

.venv/developing: .venv/torch .venv/constraints.txt pyproject.toml
	$(BIN)/python -m pip install --constraint .venv/constraints.txt --editable '.[dev]'
	touch $@ .venv/installed

clean:
	rm -rf .venv
