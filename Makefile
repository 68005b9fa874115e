# Everything a fresh machine needs: `make demo` shows the package at work, `make test` checks it.
# Both create .venv once, with the pinned versions of constraints.txt; repeat runs start at once.

# The first interpreter that is new enough; override with: make test PYTHON=/path/to/python3.12
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	if $$p -c "$(NEW_ENOUGH)" >/dev/null 2>&1; then echo $$p; exit; fi; done; echo python3)
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
INSTALL := $(PIP) install -q -c constraints.txt
WORKERS ?= 2

# One thread per test process and a screenless plotting back end: quick and the same everywhere.
TEST_ENV := OMP_NUM_THREADS=1 MPLBACKEND=Agg

.PHONY: help demo web web-test test test-slow lint docs package bench fuzz durability constraints clean
.DEFAULT_GOAL := help

help:
	@echo "make demo       analyse the example clip; table, video, timeline and page in ./aufait-demo"
	@echo "make web        the pages of the studio (needs Node.js)"
	@echo "make test       ruff, mypy and the quick tests"
	@echo "make test-slow  the tests that take longer"
	@echo "make lint       ruff and mypy only"
	@echo "make docs       the documentation site, in build/docs"
	@echo "make package    wheel and source archive in dist, installed and tried on each Python that is here"
	@echo "make fuzz       reads 100,000 damaged files and reports faults; resumes where it stopped"
	@echo "make durability  kills detect, synth, prepare and train 50 times each and compares the results"
	@echo "make bench      speed and memory on this machine"

$(VENV)/.created:
	@$(PYTHON) -c "$(NEW_ENOUGH)" || { echo "aufait needs Python 3.11 or newer; say which: make PYTHON=/path/to/python3" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	touch $@

# torch first and alone: it is by far the largest part, and nothing else may choose its version.
$(VENV)/.base: $(VENV)/.created pyproject.toml constraints.txt
	@echo "Installing into $(VENV); torch is large, the first time takes some minutes."
	$(INSTALL) torch
	$(INSTALL) -e '.[parquet,plot]'
	touch $@

$(VENV)/.dev: $(VENV)/.base
	$(INSTALL) -e '.[dev]'
	touch $@

# The pages of the studio. Without Node.js everything else works, and `aufait studio` says what is missing.
WEB := src/aufait/studio/pages/.built
WEB_SOURCES := web/package.json web/package-lock.json web/vite.config.ts $(shell find web/studio web/browser web/shared -type f 2>/dev/null)

$(WEB): $(WEB_SOURCES)
	@if ! command -v npm >/dev/null; then echo "Node.js is absent: the studio's pages are not built"; else \
		cd web && npm ci --ignore-scripts --no-audit --no-fund --silent && npm run --silent build && touch ../$(WEB); fi

web: $(WEB)

web-test: $(WEB) $(VENV)/.dev
	@if command -v npm >/dev/null; then cd web && npm run --silent check && npm test --silent; fi

demo: $(VENV)/.base
	$(BIN)/aufait demo

lint: $(VENV)/.dev
	$(BIN)/ruff check src tests benchmarks tools
	$(BIN)/mypy

test: lint web-test
	$(TEST_ENV) $(BIN)/python -m pytest -q -n $(WORKERS)

test-slow: $(VENV)/.dev
	$(TEST_ENV) $(BIN)/python -m pytest -q -m slow

# Any warning is an error: a link that leads nowhere, a docstring that cannot be read, a page that no menu has.
docs: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/sphinx-build -q -W --keep-going -b html docs build/docs
	@echo "Open build/docs/index.html"

# The sessions of noxfile.py make environments of their own; only nox itself goes into .venv.
package: $(WEB) $(VENV)/.created
	$(PIP) install -q nox==2026.10.20
	$(BIN)/nox --no-error-on-missing-interpreters -s build wheel

bench: $(VENV)/.dev
	$(BIN)/aufait bench detect

# Hours on one core; CASES=5000 for a quick look. A second core: a second call with FIRST=1000000 and the same folder.
CASES ?= 100000
FIRST ?= 0
fuzz: $(VENV)/.dev
	$(TEST_ENV) $(BIN)/python tests/fuzz/harness.py --cases $(CASES) --first $(FIRST) --folder build/fuzz \
		--corpus tests/fuzz/corpus

# Half an hour on two cores. ENGINE='--assets FILE' if the face geometry is not where `aufait synth` looks for it.
KILLS ?= 50
ENGINE ?=
KILL = $(BIN)/python tests/kill_jobs.py build/kills
durability: $(VENV)/.dev
	$(TEST_ENV) $(BIN)/python -m pytest -q tests/detection/test_detect_durability.py tests/detection/test_many_troubles.py \
		tests/detection/test_pieced_troubles.py -m 'slow or not slow'
	$(KILL)/synth --kills $(KILLS) -- synth {out} --frames 24 --size 64 --workers 2 $(ENGINE)
	test -e build/kills/twin || $(BIN)/aufait twin disfa build/kills/twin --subjects 9 --frames 40 --size 256 $(ENGINE)
	$(KILL)/prepare --kills $(KILLS) -- prepare disfa build/kills/twin -o {out} --workers 2
	test -e build/kills/faces || $(BIN)/aufait prepare disfa build/kills/twin -o build/kills/faces
	$(KILL)/train --kills $(KILLS) -- train jaa_net_disfa --cache build/kills/faces --fold 1 --quick --set start_from=none \
		--set epochs=2 --limit 12 --checkpoint-every 1 -o {out} -q

# Rewrites the pins from what .venv holds; pip itself and the package are left out.
constraints: $(VENV)/.dev
	{ sed -n '/^#/p' constraints.txt; $(PIP) freeze --exclude-editable | sed 's/+[a-z0-9]*$$//' | grep -Ev '^(nvidia-|triton|cuda-)' \
		| tr 'A-Z_' 'a-z-'; } > constraints.new
	mv constraints.new constraints.txt

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
