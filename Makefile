# Everything runs in a virtual environment of its own; `make demo` and `make test` need only Python ≥ 3.11.
PYTHON ?= python3
VENV := .venv
UV := $(VENV)/bin/uv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test torch fuzz check format bench clean

demo: $(READY)            ## install and print the table of the simulated demo
	$(BIN)/routereval run demo

test: $(READY)            ## install and run all tests
	$(BIN)/python -m pytest

torch: $(READY)           ## what the tests of the torch routers need; they are skipped without
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "torch==2.13.0" "transformers>=4.45"

fuzz: $(READY)            ## more than 10,000 damaged inputs over all importers, drawn anew
	ROUTEREVAL_FUZZ=8 $(BIN)/python -m pytest tests/importers -k "damaged or any_program"

check: $(READY)           ## formatting, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(READY)          ## mend formatting and what lint can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY)           ## speeds, as ratios to the naive way; coverage of intervals; trials of the gateway
	$(BIN)/python benchmarks/baselines.py
	$(BIN)/python benchmarks/baselines.py --full
	$(BIN)/python benchmarks/store.py
	$(BIN)/python benchmarks/scaling.py
	$(BIN)/python benchmarks/raw_pickle.py
	$(BIN)/python benchmarks/long_table.py
	$(BIN)/python benchmarks/bootstrap.py
	$(BIN)/python benchmarks/coverage.py
	$(BIN)/python benchmarks/tie_orders.py
	$(BIN)/python benchmarks/false_alarms.py
	$(BIN)/python benchmarks/decisions.py
	$(BIN)/python benchmarks/gateway.py
	$(BIN)/python benchmarks/gateway_faults.py
	$(BIN)/python benchmarks/gateway_fuzz.py
	$(BIN)/python benchmarks/bootstrap.py
	$(BIN)/python benchmarks/coverage.py

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(READY): pyproject.toml uv.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.5"
	$(UV) sync --frozen --quiet --inexact --compile-bytecode
	touch $@
