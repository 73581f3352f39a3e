# make demo   the app with the demo firm          make test   every check and test
# make lock   pin the dependencies again          make fix-engine   compile QuickFIX (minutes)
# make screenshots   a picture of every page into docs/screenshots

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
demo: export LOTSMITH_DB ?= sqlite:///$(CURDIR)/build/demo/firm.db
demo: export LOTSMITH_EXPORTS ?= $(CURDIR)/build/demo/exports

.PHONY: demo test check screenshots fix-engine fix-engine-in-background system-packages lock clean
.DEFAULT_GOAL := demo

demo: build/demo/firm/firm.csv .venv/compiled fix-engine-in-background
	$(BIN)/lotsmith import build/demo/firm --if-empty
	$(BIN)/lotsmith serve --sandbox

# The longest files go first, two processes at a time; FIX sessions have their deadlines and run alone.
test: check .venv/compiled system-packages
	$(BIN)/pytest -m "not fix" --numprocesses 2 --dist loadfile --durations=15
	$(MAKE) fix-engine
	$(BIN)/pytest -m fix

check: .venv/test fix-engine-in-background
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

build/demo/firm/firm.csv: | .venv/app
	$(BIN)/lotsmith demo --to build/demo/firm

.venv/app: requirements/app.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) -r requirements/app.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

# The plan engine's machine code, kept beside its modules: so that nobody waits for it when the first plan is made.
.venv/compiled: .venv/app $(wildcard engine/plan/*.py)
	@echo "Plan engine: compiling, about a minute, once"
	@$(BIN)/python -m engine.plan.warm
	@touch $@

.venv/test: requirements/test.lock .venv/app
	$(PIP) -r requirements/test.lock
	touch $@

# QuickFIX comes as C++ source. It is compiled beside everything else: only a live FIX session waits for it.
# CXXFLAGS keeps the compilation short; CFLAGS alone has no effect on it.
fix-engine: .venv/app
	@mkdir -p build
	@$(BIN)/python -c "import quickfix" 2>/dev/null || { \
	  echo "QuickFIX: compiling from source, some minutes (build/quickfix.log)"; \
	  flock build/quickfix.lock sh -c '$(BIN)/python -c "import quickfix" 2>/dev/null || \
	    CXXFLAGS="-O1 -g0" $(BIN)/pip install --disable-pip-version-check --no-build-isolation --require-hashes \
	      -r requirements/fix.lock >build/quickfix.log 2>&1' && echo "QuickFIX: ready" \
	  || { tail -n 20 build/quickfix.log; exit 1; }; }

fix-engine-in-background: .venv/app
	@mkdir -p build
	@$(BIN)/python -c "import quickfix" 2>/dev/null || { \
	  echo "QuickFIX: compiling in the background (build/quickfix.log); nothing waits for it but a live FIX session"; \
	  (MAKEFLAGS= setsid $(MAKE) --no-print-directory fix-engine >build/quickfix.out 2>&1 &) ; }

# What the tests need of the machine: Debian's chromium, PostgreSQL server, FIX dissector and TLS tunnel.
system-packages:
	@for program in chromium tshark stunnel; do command -v $$program >/dev/null || missing=$$program; done; \
	test -z "$$missing" && ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || { \
	  SUDO=$$(test $$(id -u) -eq 0 || echo sudo); \
	  $$SUDO apt-get update -qq && $$SUDO env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium postgresql \
	    tshark stunnel4 >/dev/null; }

screenshots: .venv/test .venv/compiled
	$(BIN)/python -m docs.screenshots.take

lock:
	$(PYTHON) -m venv build/uv && build/uv/bin/pip install --quiet uv
	build/uv/bin/uv pip compile -q --no-annotate --no-header --generate-hashes --python-version 3.11 \
	  --extra build pyproject.toml -o requirements/app.lock
	build/uv/bin/uv pip compile -q --no-annotate --no-header --generate-hashes --python-version 3.11 \
	  --extra build --extra test -c requirements/app.lock pyproject.toml -o requirements/test.lock
	echo "quickfix==1.16.0" | build/uv/bin/uv pip compile -q --no-annotate --no-header --generate-hashes \
	  --python-version 3.11 - -o requirements/fix.lock

clean:
	rm -rf .venv build
