# make run   – environment, install, Taster on its built-in demo
# make test  – environment, install, every test
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCE ?= demo

.PHONY: run test env check bench clean

run: $(VENV)/.installed
	$(BIN)/python app.py "$(SOURCE)"

test: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest

env: $(VENV)/.installed

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/mypy

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
