# make run      – environment, install, Taster on its built-in demo
# make quick    – after each edit: no browser, no process, no training; under a minute
# make test     – environment, install, style, types, every test
# make quality  – what needs real data: skipped, with the reason, where there is none
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCE ?= demo
# test processes; two threads of torch or numba in each of several would only wait for each other, and rounding depends on their number
JOBS ?= 2
PYTEST := OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist loadfile

.PHONY: run quick test quality env check format bench clean

run: $(VENV)/.installed
	$(BIN)/python app.py "$(SOURCE)"

quick: $(VENV)/.installed-dev
	$(PYTEST) -m "not browser and not slow" tests/unit tests/contracts tests/api

test: check
	$(PYTEST) --ignore=tests/quality

quality: $(VENV)/.installed-dev
	$(BIN)/python -m pytest tests/quality

env: $(VENV)/.installed

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.installed-dev
	$(BIN)/python bench/run.py

# the stamp is written last: an interrupted installation is done again
$(VENV)/.installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "Taster needs Python 3.10 or newer – $$($(PYTHON) --version) was found – choose another with: make run PYTHON=python3.12"; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -q -r requirements.txt
	touch $@

$(VENV)/.installed-dev: requirements-dev.txt requirements.txt $(VENV)/.installed
	$(BIN)/python -m pip install --disable-pip-version-check -q -r requirements-dev.txt
	touch $@

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
