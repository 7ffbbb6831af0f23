# make demo   a virtual environment, the package, and a first plan on the bundled model: pictures before and after
# make studio the same package with its web page, opened on this computer alone
# make site   this documentation as pages, in site/
# make test   the same with the tools of developers: linter, type checker, tests
# make test-oldest   adapters, round trips and the command line on the oldest supported diffusers, transformers and typer,
#             in an environment apart; TORCH="torch==2.4.*" takes the oldest torch, too
# make test-comfy  an exported checkpoint and LoRA, drawn with by ComfyUI's engine in an environment apart
#
# Variables: PYTHON (who makes the environment), VENV (where), TORCH (what pip installs as torch: on Linux a plain
# "torch" brings gigabytes of GPU libraries; name a CPU build where you have one), PIP_FLAGS (anything pip takes),
# PYTEST_FLAGS.

PYTHON ?= python3
VENV ?= .venv
OLDEST ?= .venv-oldest
COMFY ?= .venv-comfy
TORCH ?= torch
PIP_FLAGS ?=
PYTEST_FLAGS ?=
DEMO ?= runs/demo

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_FLAGS)

.PHONY: help install demo studio site test test-oldest test-comfy lint types check clean

help:
	@sed -n 's/^# \{0,1\}//p' Makefile | sed '/^$$/q'

install: $(VENV)/.installed

demo: $(VENV)/.installed
	$(BIN)/overpaint edit examples/demo.yaml --out $(DEMO)
	@echo
	@echo "Before and after: $(DEMO)/before_after.png"
	@echo "The figures:      $(DEMO)/metrics.json"

studio: $(VENV)/.installed-studio
	$(BIN)/overpaint studio

site: $(VENV)/.installed-docs
	$(BIN)/python -m mkdocs build

test: lint types check

test-oldest: $(OLDEST)/.installed
	$(OLDEST)/bin/python -m pytest $(PYTEST_FLAGS) tests/backbone tests/formats tests/patch \
		tests/cli/test_app.py tests/cli/test_options.py tests/cli/test_patch.py

test-comfy: $(VENV)/.installed-dev $(COMFY)/.installed
	COMFY_PYTHON=$(COMFY)/bin/python $(BIN)/python -m pytest $(PYTEST_FLAGS) tests/formats/test_comfy.py

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check

types: $(VENV)/.installed-dev
	$(BIN)/mypy src tests
	cd benchmarks && $(abspath $(BIN))/mypy --config-file ../pyproject.toml *.py

# a file's tests go to one worker, as they share what is dear to make; a core of its own for each, and 2 GB of memory
check: $(VENV)/.installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile $(PYTEST_FLAGS)

clean:
	rm -rf $(VENV) $(OLDEST) $(COMFY) .pytest_cache .ruff_cache .mypy_cache .hypothesis

# torch goes first and by itself, so that the choice of its build is made here and not by a dependency
$(VENV)/.torch:
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -c "import torch" 2>/dev/null || $(PIP) "$(TORCH)"
	@touch $@

$(VENV)/.installed: $(VENV)/.torch pyproject.toml
	$(PIP) --editable .
	@touch $@

$(VENV)/.installed-studio: $(VENV)/.installed
	$(PIP) --editable ".[studio]"
	@touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	$(PIP) --editable ".[docs]"
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP) --editable ".[dev,train,studio]"
	@touch $@

$(OLDEST)/.installed: pyproject.toml
	test -x $(OLDEST)/bin/python || $(PYTHON) -m venv $(OLDEST)
	$(OLDEST)/bin/python -m pip install --quiet --disable-pip-version-check $(PIP_FLAGS) "$(TORCH)"
	$(OLDEST)/bin/python -m pip install --quiet --disable-pip-version-check $(PIP_FLAGS) --editable . \
		"diffusers==0.31.*" "transformers==4.46.*" "huggingface-hub<1" "peft==0.13.*" "accelerate<1.2" "typer==0.16.*" pytest hypothesis
	@touch $@

# the engine without what it asks for and does not use: it names packages that fit neither each other nor a new Python
$(COMFY)/.installed:
	test -x $(COMFY)/bin/python || $(PYTHON) -m venv $(COMFY)
	$(COMFY)/bin/python -m pip install --quiet --disable-pip-version-check $(PIP_FLAGS) "$(TORCH)"
	$(COMFY)/bin/python -m pip install --quiet --disable-pip-version-check $(PIP_FLAGS) "transformers<5" \
		safetensors einops omegaconf pillow torchsde torchdiffeq
	$(COMFY)/bin/python -m pip install --quiet --disable-pip-version-check $(PIP_FLAGS) --no-deps comfylib==0.0.5
	@touch $@
