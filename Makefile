# Everything runs from the checkout: `make show` needs only Python 3.11+ with venv; the rest brings what it needs.
PYTHON ?= python3
VENV := .venv
OLD := .venv.old
PY := $(VENV)/bin/python
UV := $(VENV)/bin/uv
PIP := $(PY) -I -m pip --disable-pip-version-check
SYNC := $(UV) pip sync -q --python $(VENV) --require-hashes --compile-bytecode

# What the operator set for other programs must not move what is installed here; which index is asked stays as it is.
unexport PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONINSPECT PYTHONOPTIMIZE PYTHONWARNINGS PYTHONSAFEPATH PYTHONUSERBASE
unexport PIP_USER PIP_TARGET PIP_PREFIX PIP_ROOT PIP_PYTHON PIP_REQUIREMENT PIP_CONSTRAINT PIP_EDITABLE PIP_PLATFORM
unexport PIP_PYTHON_VERSION PIP_ABI PIP_IMPLEMENTATION PIP_NO_BINARY PIP_ONLY_BINARY PIP_DRY_RUN PIP_REQUIRE_HASHES
unexport PIP_REQUIRE_VIRTUALENV PIP_ISOLATED PIP_DEST VIRTUAL_ENV CONDA_PREFIX
unexport UV_PYTHON UV_SYSTEM_PYTHON UV_BREAK_SYSTEM_PACKAGES UV_TARGET UV_PREFIX UV_CONSTRAINT UV_OVERRIDE UV_NO_BINARY
unexport UV_BUILD_CONSTRAINT UV_EXCLUDE_NEWER UV_PYTHON_PREFERENCE UV_MANAGED_PYTHON UV_NO_CACHE UV_PROJECT
unexport UV_PROJECT_ENVIRONMENT UV_WORKING_DIRECTORY UV_DRY_RUN

# Two rules at once would install into one environment; `make -j` gains nothing here.
.NOTPARALLEL:

# An environment that was moved, whose Python is gone or another one, or that was left half made is made again.
WHOLE := import os, sys; at = sys.prefix; lib = "lib/python%d.%d/site-packages" % sys.version_info[:2]; \
  made = open(at + "/bin/pip", "rb").read(2000); \
  sys.exit(not os.path.isdir(at + "/" + lib) or os.fsencode(os.path.realpath(at)) not in made)
STATE := $(shell unset PYTHONHOME PYTHONPATH; test -e $(VENV) || { echo none; exit; }; \
  $(PY) -I -c '$(WHOLE)' 2>/dev/null && $(UV) --version 2>/dev/null | grep -q "^uv " && echo whole)
ifneq ($(STATE),whole)
.PHONY: $(UV)
endif

# The environment before is kept beside the new one until that is complete. What fails (no network, a full disk) brings it
# back, and a console that runs from it all the same is better than none. `.console` tells which of two is complete.
SET_ASIDE := { test -d $(OLD) && test ! -e $(VENV)/.console; } || { rm -rf $(OLD) && mv $(VENV) $(OLD); }
BRING_BACK = test ! -e $(VENV)/.console && test -d $(OLD) && rm -rf $(VENV) && mv $(OLD) $(VENV) && \
  echo 'The environment of before is back; once the cause is mended, make again.' >&2 && \
  $(RUNS) && echo 'Its console still runs, and is used.' >&2
RUNS := test -e $(VENV)/.console && $(PY) console.py --help >/dev/null 2>&1

.PHONY: show setup install uninstall test soak check format lock generated schema screenshots snapshots recording bench bench-turn bench-console \
  bench-supervision bench-logs bench-swap bench-sync

show: $(VENV)/.console
	@$(PY) console.py

setup: $(VENV)/.console
	@$(PY) console.py models fetch --for-rig rehearsal --for-rig quick

# A `galactus` command in ~/.local/bin that runs this checkout, with completion and man page.
install: $(VENV)/.console
	@$(PY) -m console.cli.install

uninstall: $(VENV)/.console
	@$(PY) -m console.cli.install remove

# Most tests wait more than they compute, so four go at a time; the real engines want the cores for themselves.
test: $(VENV)/.dev setup
	@$(PY) -m pytest -m "not engines and not soak" -n 4 --dist worksteal
	@$(PY) -m pytest -m "engines and not soak"

# The long repetitions, one after another. A shorter one: make soak SOAK_MINUTES=5 GALACTUS_SEED=7.
SOAK_MINUTES ?= 30
soak: $(VENV)/.dev setup
	@$(PY) -m pytest -m soak --soak-minutes $(SOAK_MINUTES)

check: $(VENV)/.dev
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/mypy .
	@$(VENV)/bin/lint-imports
	@$(PY) -m tests.support.house

# The tables of docs/keys.md, the completion and the man page, from the sources that they describe.
schema: generated

generated: $(VENV)/.dev
	@$(PY) -m tests.support.generated_files

# The pictures of docs/, drawn from recorded evenings; and those that the tests compare with.
screenshots: $(VENV)/.dev
	@$(PY) -m tests.console.pictures.screenshots docs

# The animated picture of the README: a real show, a real question, the frames of the real screen.
recording: $(VENV)/.dev setup
	@$(PY) -m tests.console.pictures.recording

snapshots: $(VENV)/.dev
	@GALACTUS_KEEP_PICTURES=1 $(PY) -m pytest tests/console/pictures/test_pictures.py

format: $(VENV)/.dev
	@$(VENV)/bin/ruff format .
	@$(VENV)/bin/ruff check --fix .

# All of them, short ones first; BENCH_OPTIONS=--write puts the main figures into docs/development.md.
bench: $(VENV)/.dev setup
	@$(PY) -m tests.bench.all_benches $(BENCH_OPTIONS)

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

# uv comes first, by hash; it then installs the rest in a second instead of half a minute. Its wheel comes from where
# pip's own settings say, and is then installed without them: a pip.conf may send packages elsewhere.
$(VENV)/bin/uv: requirements/bootstrap.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'Python 3.11 or newer is needed here; name one, such as: make PYTHON=python3.12' >&2; exit 1; }
	@test -n '$(STATE)' || echo 'The environment in $(VENV) is not whole (moved, half made, or its Python is gone): making it again.' >&2
	@test -d $(VENV) || rm -f $(VENV)
	@test -n '$(STATE)' || test ! -d $(VENV) || $(SET_ASIDE)
	@{ $(PYTHON) -m venv $(if $(STATE),,--clear) $(VENV) && rm -rf $(VENV)/wheels && \
	  $(PIP) download -q --no-deps --require-hashes --only-binary :all: -d $(VENV)/wheels -r $< && \
	  PIP_CONFIG_FILE=/dev/null $(PIP) install -q --isolated --no-index --find-links $(VENV)/wheels --require-hashes -r $< && \
	  rm -rf $(VENV)/wheels && $(UV) --version | grep -q "^uv " && touch $@; } || { $(BRING_BACK); }

# The console's stamp is newer than dev's only when the lock changed: a dev environment serves the console too.
$(VENV)/.console: $(VENV)/bin/uv requirements/console.lock
	@$(SYNC) requirements/$$(test -e $(VENV)/.dev && echo dev || echo console).lock || \
	  { $(BRING_BACK); } || { test -z '$(STATE)' && $(RUNS); }
	@$(PY) -m compileall -q console launchers clients devices conversation profiles supervisors
	@touch $@ && rm -rf $(OLD)

$(VENV)/.dev: $(VENV)/bin/uv requirements/dev.lock
	@$(SYNC) requirements/dev.lock || { $(BRING_BACK); false; }
	@touch $@ $(VENV)/.console && rm -rf $(OLD)

lock:
	@for f in bootstrap console dev; do $(UV) pip compile -q --universal -p 3.11 --override requirements/overrides.txt \
	  --generate-hashes --no-header --no-annotate requirements/$$f.in -o requirements/$$f.lock; done
