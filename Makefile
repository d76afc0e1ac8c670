# make up     run Douane with its demonstration on this machine
# make test   all tests          make check  format, lint, types, layers, generated docs
# make bench  measure            make docs   write the generated reference
# make crash  kill it, fifty times each way, and look what its ledger has
# Each verb sets up what it needs; the first run takes a minute or so, later ones none.

.PHONY: setup setup-node up test check format lint types layers docs-current bench crash docs lock
.DEFAULT_GOAL := up

python := .venv/bin/python

setup:
	@scripts/setup.sh

setup-node: setup
	@scripts/setup_node.sh

up:
	@scripts/setup.sh run
	@.venv/bin/douane up --demo $(ARGS)

test: setup setup-node
	$(python) -m pytest $(ARGS)

check: format lint types layers docs-current

format: setup
	.venv/bin/ruff format --check .

lint: setup
	.venv/bin/ruff check .

types: setup
	.venv/bin/mypy

layers: setup
	.venv/bin/lint-imports

docs-current: setup
	$(python) scripts/generate_docs.py --check

bench: setup
	$(python) -m bench.run --date "$$(date -u +%F)" $(ARGS)

crash: setup
	$(python) -m bench.crash_rounds --date "$$(date -u +%F)" $(ARGS)
	$(python) -m bench.ledger_crash --date "$$(date -u +%F)" $(ARGS)

docs: setup
	$(python) scripts/generate_docs.py

# After a change of dependencies: pin them anew, by hash. ARGS=--upgrade moves what is pinned.
lock: setup
	scripts/lock.sh $(ARGS)
