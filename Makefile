# Everything from a fresh machine that has Rust, Python >= 3.11, pip and make.
.DEFAULT_GOAL := help
SHELL  := bash
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
RUST   := $(shell find src -name '*.rs' 2>/dev/null) Cargo.toml Cargo.lock

# Pictures are drawn with the fonts and the settings of this environment, whatever the user's are.
export MPLCONFIGDIR := $(CURDIR)/$(VENV)/matplotlib

# With TiKV's Raft, unless its build would need a `protoc` that has to be installed first.
ifneq ($(shell uname -sm),Darwin arm64)
export MATURIN_PEP517_ARGS ?= --features python,tikv
endif

.PHONY: help setup demo test test-rust test-python test-notebooks quick soak lint lint-rust lint-python format bench bench-instructions bench-coverage notebooks docs wheel bless clean

help:  ## Show this help
	@grep -E '^[a-z-]+:.*?## ' $(MAKEFILE_LIST) | awk 'BEGIN {FS = ":.*?## "}; {printf "  make %-15s %s\n", $$1, $$2}'

# Stamps, not folders: what was interrupted is made again.
$(VENV)/.created:
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: $(VENV)/.created pyproject.toml $(RUST)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

setup: $(VENV)/.installed  ## Create .venv, compile the extension, install everything

demo: setup  ## Run the seven experiments; pictures and verdicts go to out/
	$(BIN)/python -m raftlab experiments --out out

# Two things at once: linking the extension takes minutes of one core, and so do the builds of tests. The environment
# comes first, or make begins with the tests and links when they are done.
test: $(VENV)/.created  ## Linters, types, all tests, all notebooks
	$(MAKE) --jobs 2 setup lint-rust test-rust lint-python
	$(MAKE) test-python test-notebooks

lint: lint-rust lint-python  ## Formatters, linters, types, stubs

lint-rust:
	cargo fmt --check
	cargo clippy --quiet --all-targets --features tikv -- -D warnings
	cargo clippy --quiet --features python -- -D warnings
	cargo clippy --quiet --features python,tikv -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --quiet --no-deps

lint-python: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy -p raftlab
	cd $(VENV) && bin/python -m mypy.stubtest raftlab._core

# Nothing is compiled twice, so what would make that quicker only costs time.
test-rust:  ## The core, without Python
	CARGO_INCREMENTAL=0 cargo test --quiet --features tikv

test-python: setup  ## The package, its docstrings, the experiments
	$(BIN)/python -m pytest -n auto

quick: setup  ## Python tests without the slow ones: a few minutes, for while one works
	$(BIN)/python -m pytest -n auto -m "not slow and not soak"

# Side by side: a notebook draws and imports on one core. notebooks/conftest.py keeps their kernels apart.
test-notebooks: setup  ## Every notebook, from its first cell to its last
	$(BIN)/python -m pytest -n auto --maxschedchunk 1 --nbmake --nbmake-timeout=600 notebooks

# The tests that gain from more runs: 20 times the slice that `make test` plays (RAFTLAB_SOAK=n: n times), figures shown.
soak: export RAFTLAB_SOAK ?= 20
soak: setup  ## Fuzzers, mutators and random scenarios at length: 10,000 runs of each and more
	cargo test --quiet --features tikv soak -- --nocapture
	$(BIN)/python -m pytest -m soak --timeout 7200 -rP

format:  ## Format everything
	cargo fmt
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

notebooks: setup  ## Execute the notebooks and keep their pictures
	TQDM_DISABLE=1 $(BIN)/python -m pytest --nbmake --overwrite notebooks

# Strict: a broken link, a missing reference or an undocumented public name fails.
docs: setup  ## The documentation site, into out/site
	$(BIN)/python docs/build.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	@echo "the site is in out/site: open out/site/index.html"

# What a user installs: below 5 MB, and it works where nothing else is installed.
wheel: setup  ## The abi3 wheel, into out/wheel, tried in an empty environment
	rm -rf out/wheel
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir out/wheel .
	$(BIN)/python tests/smoke.py --wheels out/wheel

bench: setup  ## raftlab beside its peers, and how cost grows: a table, out/bench.json, out/bench.png
	$(BIN)/python benches/bench.py

bench-instructions:  ## Instructions a trial and a message, against benches/instructions.json (needs valgrind)
	cargo bench --quiet --bench instructions

bench-coverage: setup  ## How often intervals hold the truth, by simulation, into docs/statistics.md
	$(BIN)/python benches/coverage.py --write

bless: setup  ## Accept what the golden transcripts and generated files say now
	BLESS=1 UPDATE_EXPECT=1 cargo test --quiet --test transcripts

clean:  ## Remove everything that was made
	rm -rf $(VENV) target benches/peers/target out
