# make demo and make test are all a new user needs; make help lists the rest.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PIP = $(BIN)/pip install --quiet --constraint constraints.txt

# Which build of PyTorch: make demo TORCH_BACKEND=cpu leaves out gigabytes of CUDA libraries (6.4 GB installed against
# 1.9); any value of uv's --torch-backend (cpu, auto, cu128, …). Left empty, pip takes its default build.
TORCH_BACKEND ?=

# How many processes share the tests: one more than there are cores, since some tests wait, but at most 8, as each
# takes a gigabyte.
WORKERS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN); echo $$((n < 7 ? n + 1 : 8)))

# Where the measures of the published catalogues ship. AFRESH=--afresh measures them all again.
TABLES = src/graph2nn/graphs/catalogue_data
AFRESH ?=

# The environments of test-lowest and test-newest, their Pythons, and which tests they run. UV_FLAGS is for uv, for
# example --torch-backend=cpu, which leaves out the 3 GB of CUDA libraries.
LOWEST ?= .venv-lowest
NEWEST ?= .venv-newest
LOWEST_PYTHON ?= python3.10
NEWEST_PYTHON ?= python3.13
VERSIONS_TESTS ?= -n $(WORKERS) --dist worksteal -m "not slow and not cluster"

.PHONY: help demo test test-slow test-cluster test-lowest test-newest lint format tables docs dist bench bench-quick bench-long clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*## /\t/' | expand -t 16

demo: $(VENV)/.installed ## install, train graphs on digits, say where the report is (TORCH_BACKEND=cpu: without CUDA)
	$(BIN)/graph2nn quickstart --out quickstart

test: $(VENV)/.test ## install the test extras and run the tests
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not slow and not cluster"

test-slow: $(VENV)/.test ## the tests that take minutes
	$(BIN)/python -m pytest -m slow

test-cluster: $(VENV)/.cluster ## sweeps on real clusters of this machine: Ray (256 MB), and SLURM if installed
	$(BIN)/python -m pytest -m cluster

test-lowest: $(VENV)/.uv ## the tests with the lowest versions that pyproject.toml allows
	$(BIN)/uv venv --quiet --clear --python $(LOWEST_PYTHON) $(LOWEST)
	$(BIN)/uv pip install --python $(LOWEST) --resolution lowest-direct $(UV_FLAGS) --editable '.[test]'
	$(LOWEST)/bin/python -m pytest $(VERSIONS_TESTS)

test-newest: $(VENV)/.uv ## the tests with the newest versions there are, whatever constraints.txt says
	$(BIN)/uv venv --quiet --clear --python $(NEWEST_PYTHON) $(NEWEST)
	$(BIN)/uv pip install --python $(NEWEST) --upgrade $(UV_FLAGS) --editable '.[test]'
	$(NEWEST)/bin/python -m pytest $(VERSIONS_TESTS)

lint: $(VENV)/.lint ## ruff and mypy --strict
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/mypy

format: $(VENV)/.lint ## let ruff rewrite what it can
	$(BIN)/ruff check --fix src tests benchmarks
	$(BIN)/ruff format src tests benchmarks

tables: $(VENV)/.installed ## measure the published catalogues with new measures: the shipped tables and docs/measures.md
	$(BIN)/graph2nn graphs measure n64-3942 $(AFRESH) --out $(TABLES)/measures-n64.parquet
	$(BIN)/graph2nn graphs measure n16-2698 $(AFRESH) --out $(TABLES)/measures-n16.parquet
	$(BIN)/python -c "from graph2nn.graphs.measures.measures_page import write; write('docs/measures.md')"

docs: $(VENV)/.docs ## build the documentation site with the notebooks' output (GRAPH2NN_NOTEBOOKS=code: without)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "Open site/index.html."

dist: $(VENV)/.release ## build the sdist and the wheel and check them
	$(BIN)/python -m build --outdir dist
	$(BIN)/twine check --strict dist/*

bench: $(VENV)/.bench ## measure kernels, layers, networks; writes benchmarks/results and docs/benchmarks.md
	$(BIN)/python -m benchmarks.bench_graphs --full
	$(BIN)/python -m benchmarks.bench_match
	$(BIN)/python -m benchmarks.bench_layers
	$(BIN)/python -m benchmarks.bench_auto
	$(BIN)/python -m benchmarks.bench_amp
	$(BIN)/python -m benchmarks.bench_memory
	$(BIN)/python -m benchmarks.bench_epoch
	$(BIN)/python -m benchmarks.bench_photos
	$(BIN)/python -m benchmarks.bench_collect
	$(BIN)/python -m benchmarks.page

bench-quick: $(VENV)/.bench ## try the benchmarks out on small shapes, a minute; keeps no result
	$(BIN)/python -m benchmarks.bench_layers --quick
	$(BIN)/python -m benchmarks.bench_epoch --quick

bench-long: $(VENV)/.bench ## measure sweeps, populations, searches
	$(BIN)/python -m benchmarks.bench_sweep
	$(BIN)/python -m benchmarks.bench_population --rounds 2 --steps 40 --epochs 2 --no-stacked
	$(BIN)/python -m benchmarks.bench_search
	$(BIN)/python -m benchmarks.page

clean: ## delete what the other targets made
	rm -rf $(VENV) $(LOWEST) $(NEWEST) quickstart site .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 10) or sys.exit(f"graph2nn needs Python 3.10 or newer, {sys.executable} is {v[0]}.{v[1]}. Name another: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "Installing graph2nn and what it needs into $(VENV); the first time takes some minutes."
ifneq ($(TORCH_BACKEND),)
	$(PIP) uv
	$(BIN)/uv pip install --python $(VENV) --torch-backend=$(TORCH_BACKEND) --constraint constraints.txt torch
endif
	$(BIN)/pip install --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.installed
	$(PIP) --editable '.[test]'
	@touch $@

$(VENV)/.cluster: $(VENV)/.test
	$(PIP) --editable '.[test,cluster]'
	@touch $@

# Everything that .ci/run needs, resolved and installed once.
$(VENV)/.all: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) --editable '.[lint,docs,test,cluster]'
	@for name in installed lint docs test cluster all; do touch $(VENV)/.$$name; done

$(VENV)/.bench: $(VENV)/.installed
	$(PIP) --editable '.[bench]'
	@touch $@

$(VENV)/.lint: $(VENV)/.installed
	$(PIP) --editable '.[lint]'
	@touch $@

$(VENV)/.docs: $(VENV)/.installed
	$(PIP) --editable '.[docs]'
	@touch $@

$(VENV)/.release: $(VENV)/.installed
	$(PIP) --editable '.[release]'
	@touch $@

$(VENV)/.uv: $(VENV)/bin/python
	$(PIP) uv
	@touch $@
