# Everything runs in a virtual environment of its own; `make demo` and `make test` need only Python ≥ 3.11.
PYTHON ?= python3
VENV := .venv
UV := $(VENV)/bin/uv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

JOBS ?= logical
PYTEST := $(BIN)/python -m pytest
PARALLEL := -n $(JOBS) --dist worksteal
# What no extra and no version of a dependency can change is tested once (tests/conftest.py says what);
# of the rest, a fifth of the drawn inputs shows whether dependencies fit.
CONTACT := -m "not slow and not once"
# What was compiled is kept, whatever the environment says: tests start many processes.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test test-all test-core test-lowest lowest test-dispatch torch fuzz check format bench docs reference image dist clean

demo: $(READY)            ## install, print the tables of the simulated demo and write its report
	$(BIN)/routereval run demo -o demo-results
	$(BIN)/routereval report demo-results -o demo-report.html

test: $(READY)            ## install and run the tests, but for the slow ones
	$(PYTEST) $(PARALLEL) -m "not slow"

test-all: $(READY)        ## all tests, also the slow ones: processes, killed runs, benchmarks
	$(PYTEST) $(PARALLEL)

test-core: $(READY)       ## what dependencies can change, without any extra installed
	UV_PROJECT_ENVIRONMENT=$(VENV)-core $(UV) sync --frozen --quiet --no-default-groups --group core-test
	ROUTEREVAL_BRIEF=1 $(VENV)-core/bin/python -m pytest $(PARALLEL) $(CONTACT) --doctest-ignore-import-errors

# Old versions warn of their own dependencies' newer ones.
test-lowest: $(READY)     ## and with the lowest versions that pyproject.toml allows
	$(UV) venv --quiet --clear --python $(BIN)/python $(VENV)-lowest
	$(UV) pip install --quiet --python $(VENV)-lowest -r .ci/lowest.txt -e .
	ROUTEREVAL_BRIEF=1 $(VENV)-lowest/bin/python -m pytest $(PARALLEL) $(CONTACT) \
	  -W default::DeprecationWarning -W default::PendingDeprecationWarning

lowest: $(READY)          ## write those versions down anew
	mkdir -p $(VENV)/lowest && cp pyproject.toml README.md LICENSE $(VENV)/lowest
	$(UV) export --project $(VENV)/lowest --resolution lowest-direct --no-default-groups --group test \
	  --no-emit-project --no-hashes --no-annotate --no-header --quiet -o $(CURDIR)/.ci/lowest.txt

ORDERED := tests/tasks tests/routers/test_neighbours.py tests/studies/test_faithful.py tests/studies/test_reproduce.py

test-dispatch: $(READY)   ## what may depend on the processor, without AVX-512, then without any of numpy's dispatch
	for off in AVX-512 all; do \
	  NPY_DISABLE_CPU_FEATURES="$$($(BIN)/python -m tests.dispatch $$off)" \
	    $(PYTEST) $(PARALLEL) -m "not slow" $(ORDERED) || exit 1; \
	done

torch: $(READY)           ## what the tests of the torch routers need; they are skipped without
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile "torch==2.13.0" "transformers>=4.45"

fuzz: $(READY)            ## more than 10,000 damaged inputs over all importers, drawn anew
	ROUTEREVAL_FUZZ=8 $(BIN)/python -m pytest tests/importers -k "damaged or any_program"
	$(BIN)/python benchmarks/damaged_files.py

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
	$(BIN)/python benchmarks/gateway_attacks.py
	$(BIN)/python benchmarks/gateway_rules.py
	$(BIN)/python benchmarks/experiments.py

docs: $(READY)            ## the documents as a site below docs-site/html, its links checked
	UV_PROJECT_ENVIRONMENT=$(VENV)-docs $(UV) sync --frozen --quiet --only-group docs
	$(BIN)/python docs/build_site.py stage docs-site
	cd docs-site && $(CURDIR)/$(VENV)-docs/bin/zensical build --strict
	$(BIN)/python docs/build_site.py check docs-site/html

reference: $(READY)       ## docs/reference: commands, names and Python, as the code has them
	$(BIN)/python docs/write_reference.py

image:                    ## the image of the gateway, where docker is
	docker build -f deploy/Dockerfile -t routereval-gateway .
	docker run --rm routereval-gateway --version

dist: $(READY)            ## the source distribution and the wheel
	rm -rf dist && $(UV) build --quiet

clean:
	rm -rf dist docs-site demo-results demo-report.html $(VENV) $(VENV)-core $(VENV)-lowest $(VENV)-docs .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(READY): pyproject.toml uv.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.5"
	$(UV) sync --frozen --quiet --inexact --compile-bytecode
	touch $@
