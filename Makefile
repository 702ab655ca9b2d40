# demo: two minutes from a clone to a contact sheet.  test: everything.  check: what CI runs before the tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo

.PHONY: demo test check bench clean

$(BIN)/carprep: setup.cfg
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable .
	@touch $@

$(VENV)/dev: setup.cfg | $(BIN)/carprep
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@

demo: $(BIN)/carprep
	rm -rf $(DEMO)
	$(BIN)/carprep draw $(DEMO)/raw --count 200
	$(BIN)/carprep build $(DEMO)/raw --size 128 --zip $(DEMO)/cars.zip
	@echo "Kept:     $(DEMO)/cars.sheet.jpg"
	@echo "Left out: $(DEMO)/cars.left-out.jpg"

test: $(VENV)/dev
	$(BIN)/python -m pytest -n auto

check: $(VENV)/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(VENV)/dev
	$(BIN)/pip install --quiet -r benchmarks/requirements.txt
	$(BIN)/python benchmarks/run.py

clean:
	rm -rf $(VENV) $(DEMO)
