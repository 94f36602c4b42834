# Swapcab: everything a person or CI runs. `make help` lists it.
.DEFAULT_GOAL := help
.PHONY: help arm setup build sim flash emulate flashcuts benchfaults picture test lint types bench size fit soak reaction chaos powercut glitch mutants fuzz differential benchmark lock sbom clean FORCE

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.swapcab-setup
TYPINGS := build/typings/.stamp
MUTMUT := build/mutmut/.stamp
RELEASE := build/release/.stamp
UV := build/uv/.stamp
NODE := build/node/.stamp
ARGS ?=
# many tests wait for processes that they started, so that four workers keep two cores busy
JOBS ?= 4
PART ?= all
HOURS ?= 1
SEEDS ?= 8
COUNT ?= 100000
POINTS ?= 100
SOURCE ?= ../micropython
MINUTES ?= 30

# A whole .venv stays on its own Python; else it gets the newest CPython that works here. PYTHON=/path/to/python3 chooses another.
FIND_PYTHON = for p in $(if $(PYTHON),"$(PYTHON)",$$(test -f $(STAMP) && echo $(BIN)/python) python3.14 python3.13 python3.12 python3.11 python3.10 python3); do \
	if "$$p" -c 'import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 14))' >/dev/null 2>&1; \
	then echo "$$p"; break; fi; done
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all:

help: ## this list
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## create .venv with the pinned dependencies, fetch the MicroPython packages by hash

# asked each time, and made anew only if it is not whole or not the right one
$(STAMP): FORCE
	@python=$$($(FIND_PYTHON)); \
	if [ -z "$$python" ]; then \
		echo "make setup: $(or $(PYTHON),no Python found that) is not a Python 3.10 to 3.14 with venv (Debian: apt-get install python3-venv)" >&2; exit 1; fi; \
	"$$python" tools/setup_env.py

FORCE:

# each port's stubs in a folder of its own: their modules have the same names
$(TYPINGS): requirements-stubs.lock $(STAMP)
	@mkdir -p build/typings
	@for port in stm32 esp32 rp2; do folder=build/typings; [ $$port = stm32 ] || folder=build/typings-$$port; \
		awk -v port="$$port" '/^[a-z]/ { kept = $$0 ~ "stdlib|" port } kept' requirements-stubs.lock > build/stubs-$$port.txt; \
		$(PIP) --upgrade --no-deps --target $$folder -r build/stubs-$$port.txt || exit 1; done
	@touch $@

# pyright runs on Node.js: the system's, or else the one that comes as a package
$(NODE): requirements-node.lock $(STAMP)
	@mkdir -p build/node
	@command -v node >/dev/null || $(PIP) --upgrade --no-deps --target build/node -r requirements-node.lock
	@touch $@

build: $(STAMP) ## compile the firmware with mpy-cross into build/mpy
	@$(BIN)/python -m swapcab.compile.firmware
	@$(BIN)/python -m swapcab.profile.compile

sim: build ## a cabinet with packs, riders and a broker; ARGS="--headless --swaps 20 --seed 1", ARGS=--help
	@$(BIN)/python -m swapcab sim $(ARGS)

picture: build ## draw docs/img/panel.svg from a real run
	@$(BIN)/python -m swapcab sim --headless --swaps 6 --seed 4 --picture docs/img/panel.svg

test: build $(RELEASE) ## all tests, on CPython and on MicroPython; JOBS=1 for one after the other, ARGS="-k door"
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)

lint: $(STAMP) ## ruff: style and common mistakes
	@$(BIN)/ruff check .

types: $(TYPINGS) $(NODE) ## pyright: host tools against CPython, firmware and boards against MicroPython's stubs
	@set -e; for project in . firmware $(wildcard boards/*/pyrightconfig.json); do \
		echo "pyright: $$project"; PYTHONPATH=build/node $(BIN)/pyright --pythonpath $(BIN)/python --project $$project; done

flash: $(STAMP) ## the firmware onto a board; BOARD=w5500_evb_pico2 PORT=/dev/ttyACM0 ARGS="--settings settings.json"
	@$(BIN)/python -m swapcab flash --board "$(BOARD)" --port "$(PORT)" $(ARGS)

bench: $(STAMP) ## the acceptance test of a controller; PORT=/dev/ttyACM0 ARGS="--operator", ARGS=--help
	@$(BIN)/python -m swapcab bench --port "$(PORT)" $(ARGS)

emulate: build ## a board that mpremote takes for a controller; ARGS="--slots 6" for a cabinet around it
	@$(BIN)/python -m swapcab emulate $(ARGS)

flashcuts: $(STAMP) ## supply and cable pulled at POINTS=100 points of a flash, on the emulated board
	@$(BIN)/python tests/system/flash/cuts.py --points $(POINTS)

benchfaults: $(STAMP) ## swapcab bench on the emulated board with each of its hardware faults; ARGS="rtc-empty door-stuck-open", ARGS=--whole
	@$(BIN)/python tests/system/bench/emulated_faults.py $(ARGS)

size: build ## heap after start, at its peak, and the size of each module
	@$(BIN)/python -m swapcab size $(ARGS)

fit: build ## heap at an MCU's word size; SOURCE=../micropython (needs gcc-multilib)
	@$(BIN)/python -m swapcab fit --source "$(SOURCE)"

arm: $(STAMP) ## unit tests on an emulated Cortex-M3 (needs qemu-system-arm, gcc-arm-none-eabi); ARGS="--only core/"
	@$(BIN)/python -m arm $(ARGS)

soak: $(STAMP) ## cabinet-hours on virtual time with troubles of every kind; SEEDS=8 HOURS=1 ARGS="--resume"
	@$(BIN)/python tests/system/scenarios/soak.py --seeds $(SEEDS) --hours $(HOURS) $(ARGS)

reaction: build ## from the frame with a fault to the charger's stop frame, by rule; on virtual time, then on real wires (an hour)
	@$(BIN)/python tests/system/scenarios/reaction.py --boots 16 --rounds 4 $(ARGS)
	@$(BIN)/python tests/system/scenarios/reaction_wire.py $(ARGS)

chaos: $(STAMP) ## misfortunes on the uplink's line: 100 virtual hours, then half a real one; MINUTES=30, ARGS=--tls
	@$(BIN)/python tests/system/scenarios/chaos_virtual.py
	@$(BIN)/python tests/system/scenarios/chaos.py --minutes $(MINUTES) $(ARGS)

powercut: build ## a power cut at every flash operation of the journal
	@$(BIN)/python tests/robustness/powercut/run.py $(ARGS)

glitch: build ## flash that reads wrongly, at every reading of a start and of a state fetch; ARGS="--beside REV --jobs 1"
	@$(BIN)/python tests/robustness/glitch/run.py $(ARGS)

mutants: $(MUTMUT) ## small faults put into the core one at a time, which the unit tests must notice; ARGS="--sample 200 --seed 1"
	@$(BIN)/python tests/robustness/mutants/run.py $(ARGS)

$(MUTMUT): requirements-mutants.lock $(STAMP)
	@$(PIP) --upgrade --no-deps --target build/mutmut -r requirements-mutants.lock
	@touch $@

fuzz: build ## hostile bytes into every parser
	@$(BIN)/python -m pytest tests/robustness/fuzz --timeout 3600 $(ARGS)

differential: build ## profiles against cantools, pymodbus and encoders of their own; COUNT=100000
	@$(BIN)/python tests/system/wire/profile_differential.py --count $(COUNT)
	@$(BIN)/python tests/system/wire/profile_frames.py --count $$(( $(COUNT) / 10 ))

benchmark: build ## side by side with other libraries; PART=bus|journal|uplink|cpu
	@$(BIN)/python -m swapcab benchmark --part $(PART) $(ARGS)

lock: $(UV) ## write requirements*.lock anew: pins, hashes, Requires-Python; ARGS=--upgrade, ARGS="--upgrade-package rich"
	@$(BIN)/python -m swapcab.parts.lock $(ARGS)

$(UV): requirements-uv.lock $(STAMP)
	@$(PIP) --upgrade --no-deps --target build/uv -r requirements-uv.lock
	@touch $@

sbom: $(RELEASE) ## the list of a release's parts in CycloneDX: build/swapcab-VERSION.cdx.json
	@$(BIN)/python -m swapcab.parts.sbom

# in an environment of its own, so that the list names our parts and not the tool's
$(RELEASE): requirements-release.lock $(STAMP)
	@rm -rf build/release
	@$(BIN)/python -m venv build/release
	@build/release/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements-release.lock
	@touch $@

clean: ## remove build/ and caches (the environment stays: rm -r .venv)
	@rm -rf build .pytest_cache .ruff_cache .hypothesis tools/*.egg-info
	@find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +
