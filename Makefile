# heart-twin. `make demo` and `make test` make the environment first where it is missing.
# On another machine or cluster where DOLFINx comes from elsewhere, see CONTRIBUTING.md.

SHELL := /bin/bash
BIN := .venv/bin
WORKERS ?= 2
PYTEST_ARGS ?=
IMAGE ?= heart-twin
MPIEXEC := $(BIN)/mpiexec

# One thread per process: ranks and test workers already fill the cores.
TEST_ENV := OMP_NUM_THREADS=1

.DEFAULT_GOAL := help
.PHONY: help env demo test test-mpi test-long verify lint format lock licences image image-test clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/.stamp: requirements/dev.lock pyproject.toml scripts/make_env.sh
	@bash scripts/make_env.sh
	@touch $@

env: .venv/.stamp ## make .venv from the hash lock (finds a Python 3.12 to 3.14)

demo: env ## mesh a real segmented heart, rank CRT lead sites, write runs/demo/report.html
	$(BIN)/heart run scenarios/crt/ct_lbbb_screen.yaml -o runs/demo --overwrite
	@echo "open runs/demo/report.html"

test: env ## the test suite, then the MPI tests on two ranks
	$(TEST_ENV) $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(PYTEST_ARGS)
	@$(MAKE) --no-print-directory test-mpi

# pytest exits 5 where no test carries the mark: then there is nothing to run on two ranks.
test-mpi: env ## only the tests marked mpi, on two ranks
	@$(TEST_ENV) $(BIN)/python -m pytest -q -m mpi --collect-only >/dev/null 2>&1; found=$$?; \
	if [ $$found -eq 5 ]; then echo "no test is marked mpi"; exit 0; fi; \
	set -x; $(TEST_ENV) $(MPIEXEC) -n 2 $(BIN)/python -m pytest -q -m mpi -p no:cacheprovider

test-long: env ## the tests that take minutes, which `make test` leaves out
	$(TEST_ENV) $(BIN)/python -m pytest -n $(WORKERS) -m long

verify: env ## every benchmark, ours beside the reference (hours), then the long tests
	$(BIN)/heart verify all
	@$(MAKE) --no-print-directory test-long

lint: env ## ruff, formatting, types, import direction
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: env ## let ruff fix and format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: ## renew the hash locks (needs uv)
	@bash scripts/make_locks.sh

licences: env ## rewrite the tables of LICENSES.md after `make lock`
	$(BIN)/python scripts/make_licences.py

image: ## build the container image with docker, podman or buildah
	@bash scripts/image.sh build $(IMAGE)

image-test: ## run the demo's coarse variant in the image
	@bash scripts/image.sh test $(IMAGE)

clean: ## remove what building, testing and running made; the environment stays
	rm -rf runs dist build .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
