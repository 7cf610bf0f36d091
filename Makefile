# Everything runs from the checkout: `make show` needs only Python 3.11+ with venv; the rest brings what it needs.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
UV := $(VENV)/bin/uv
SYNC := $(UV) pip sync -q --python $(VENV) --require-hashes --compile-bytecode

.PHONY: show setup test check format lock screenshots snapshots bench-turn bench-console \
  bench-supervision bench-logs bench-swap bench-sync

show: $(VENV)/.console
	@$(PY) console.py

setup: $(VENV)/.console
	@$(PY) console.py models fetch --for-rig rehearsal --for-rig quick

# Most tests wait more than they compute, so three go at a time; the real engines want the cores for themselves.
test: $(VENV)/.dev setup
	@$(PY) -m pytest -m "not engines" -n 3 --dist loadfile
	@$(PY) -m pytest -m engines

check: $(VENV)/.dev
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/mypy .
	@$(VENV)/bin/lint-imports

# The pictures of docs/, drawn from recorded evenings; and those that the tests compare with.
screenshots: $(VENV)/.dev
	@$(PY) -m tests.console.screenshots docs

snapshots: $(VENV)/.dev
	@GALACTUS_KEEP_PICTURES=1 $(PY) -m pytest tests/console/test_pictures.py

format: $(VENV)/.dev
	@$(VENV)/bin/ruff format .
	@$(VENV)/bin/ruff check --fix .

bench-turn: $(VENV)/.dev setup
	@$(PY) -m tests.bench.turn

bench-console: $(VENV)/.dev setup
	@$(PY) -m tests.bench.console

# A smaller one: make bench-supervision KILLS=100 GALACTUS_SEED=7. It needs no engines and no models.
bench-supervision: $(VENV)/.dev
	@$(PY) -m tests.bench.supervision

# Real models, then fake ones while everything goes wrong. A smaller one: make bench-swap SWAPS=50 GALACTUS_SEED=7.
bench-swap: $(VENV)/.dev setup
	@$(PY) -m tests.bench.swap

bench-sync: $(VENV)/.dev setup
	@$(PY) -m tests.bench.sync

bench-logs: $(VENV)/.dev
	@$(PY) -m tests.bench.logs

# uv comes first, by hash; it then installs the rest in a second instead of half a minute.
$(VENV)/bin/uv: requirements/bootstrap.lock
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/pip install -q --disable-pip-version-check --require-hashes -r requirements/bootstrap.lock
	@touch $@

# The console's stamp is newer than dev's only when the lock changed: a dev environment serves the console too.
$(VENV)/.console: $(VENV)/bin/uv requirements/console.lock
	@test -e $(VENV)/.dev || $(SYNC) requirements/console.lock
	@test ! -e $(VENV)/.dev || $(SYNC) requirements/dev.lock
	@$(PY) -m compileall -q console launchers clients devices conversation profiles supervisors
	@touch $@

$(VENV)/.dev: $(VENV)/bin/uv requirements/dev.lock
	@$(SYNC) requirements/dev.lock
	@touch $@ $(VENV)/.console

lock:
	@for f in bootstrap console dev; do $(UV) pip compile -q --universal -p 3.11 --override requirements/overrides.txt \
	  --generate-hashes --no-header --no-annotate requirements/$$f.in -o requirements/$$f.lock; done
