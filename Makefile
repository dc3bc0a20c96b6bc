# Everything sets itself up: `make demo` and `make test` need Python 3.11 with pip and venv, nothing else.
PYTHON ?= python3.11
VENV := .venv
VENV52 := .venv-bpy52
BIN := $(VENV)/bin
# Where a Python 3.13 is: on the PATH, or under pyenv (whose bare shim fails when another version is selected).
PYTHON313 ?= $(shell for p in python3.13 "$$(pyenv prefix 3.13 2>/dev/null || pyenv prefix 3.13.0 2>/dev/null)/bin/python"; do \
	"$$p" -c 'import sys; assert sys.version_info[:2] == (3, 13); print(sys.executable)' 2>/dev/null && break; done)

.PHONY: help setup demo test lint format test-inference test-blender test-blender52 runtime-test extension gui-test \
	gui-pictures benchmark clean

help:
	@echo "make demo       reconstruct the demo picture and clip, build hands.blend and hands.fbx in demo/out/"
	@echo "make test       lint, types and every test (bpy 4.5; bpy 5.2 too where Python 3.13 is found)"
	@echo "make runtime-test  the tests of Set Up, with a real download (91 MB)"
	@echo "make extension  build and validate the Blender extension and its repository in dist/"
	@echo "make gui-test   use the extension in a real Blender with a window (Linux, root; else skipped with the reason)"
	@echo "make benchmark  measure speed and memory"

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; assert sys.version_info[:2] == (3, 11), "Python 3.11 is needed (bpy 4.5): make PYTHON=/path/to/python3.11"'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[runtime,network,research,blender,dev]'
	touch $@

# Blender 5.2's module wants Python 3.13; its side of the program needs numpy alone, which bpy brings.
$(VENV52)/.ready: constraints-bpy52.txt
	$(PYTHON313) -m venv $(VENV52)
	$(VENV52)/bin/python -m pip install --quiet --disable-pip-version-check -r constraints-bpy52.txt
	touch $@

demo: $(VENV)/.ready
	$(BIN)/python tools/demo.py

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright

format: $(VENV)/.ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: lint test-inference test-blender test-blender52

test-inference: $(VENV)/.ready
	$(BIN)/python -m pytest -q tests --ignore tests/blender

# bpy can hang at interpreter exit (reference/blender.md): the tests end their process themselves; `timeout` is the net.
test-blender: $(VENV)/.ready
	timeout 900 $(BIN)/python -m pytest -q tests/blender

ifeq ($(strip $(PYTHON313)),)
test-blender52:
	@echo "Skipped: the tests on Blender 5.2 need Python 3.13, and none was found (make PYTHON313=/path/to/python3.13)."
else
test-blender52: $(VENV)/.ready $(VENV52)/.ready
	TWOHAND_WORKER_PYTHON=$(abspath $(BIN)/python) timeout 900 $(VENV52)/bin/python -m pytest -q tests/blender
endif

# What `make test` leaves out: a set up from PyPI (91 MB), then a reconstruction with what it made.
runtime-test: $(VENV)/.ready
	TWOHAND_TEST_PYPI=1 $(BIN)/python -m pytest -q tests/runtime

extension: $(VENV)/.ready
	$(BIN)/python tools/make_extension.py

# Not part of `make test`: it takes minutes and, the first time, a Blender from Debian (docs/gui-test.md).
GUI_ROOT ?= build/gui/sid
GUI_OUT ?= build/gui/test
gui-test: extension
	$(BIN)/python -m tools.gui_test --root $(GUI_ROOT) --out $(GUI_OUT) --extension "$$(ls -t dist/*.zip | head -1)"

gui-pictures: $(VENV)/.ready
	$(BIN)/python -m tools.gui_test.docs_pictures $(GUI_OUT)/photographs docs/gui

benchmark: $(VENV)/.ready
	$(BIN)/python -m inference benchmark

clean:
	rm -rf $(VENV) $(VENV52) demo/out dist build
