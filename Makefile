# One command per wish; `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help setup demo test test-full lint format docs clean

PYTHON_BIN := .venv/bin
# Two workers: the budget of the tests is stated for two cores. A file stays on one worker, so that
# what its tests share is built once.
PYTEST := $(PYTHON_BIN)/python -m pytest -n 2 --dist loadfile

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## .venv in the checkout with everything the demo and the tests need
	@.ci/setup

demo: setup ## ASIA, ALARM, three-cue fusion and MNIST on the simulated board, beside exact inference
	@$(PYTHON_BIN)/spynq demo

test: lint ## every check that a change must pass
	@$(PYTEST)

test-full: lint ## the same and the tests that take minutes each
	@$(PYTEST) -m "not board"

lint: setup ## ruff, mypy and the import directions
	@$(PYTHON_BIN)/ruff check
	@$(PYTHON_BIN)/ruff format --check
	@$(PYTHON_BIN)/mypy
	@$(PYTHON_BIN)/lint-imports

format: setup ## let ruff rewrite the Python files
	@$(PYTHON_BIN)/ruff check --fix
	@$(PYTHON_BIN)/ruff format

docs: setup ## documentation site in build/docs, warnings are errors (NOTEBOOKS=off leaves them unrun)
	@SPYNQ_DOCS_NOTEBOOKS=$(or $(NOTEBOOKS),cache) $(PYTHON_BIN)/sphinx-build -q -W --keep-going -b html docs build/docs
	@$(PYTHON_BIN)/sphinx-build -q -W --keep-going -b doctest docs build/doctest
	@echo "docs: build/docs/index.html"

clean: ## everything that was built; .venv stays
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find host hw overlays sim notebooks tests -name __pycache__ -prune -exec rm -rf {} +
