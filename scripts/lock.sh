#!/usr/bin/env bash
# Writes requirements/base.txt, build.txt, dev.txt and ner.txt: every package pinned, every file of every package by hash.
# The machine's own pip settings are left out: a lock holds what the public index serves, and names no index.
# Pins that still fit are kept; pass --upgrade, or --upgrade-package NAME, to move them.
set -euo pipefail
cd "$(dirname "$0")/.."

compile() {
  env -u PIP_FIND_LINKS -u PIP_EXTRA_INDEX_URL -u PIP_INDEX_URL PIP_CONFIG_FILE=/dev/null \
    .venv/bin/pip-compile --quiet --generate-hashes --strip-extras --no-build-isolation --allow-unsafe \
    --no-header --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options "$@"
}

compile "$@" --extra engine --extra meaning --output-file requirements/base.txt pyproject.toml
compile "$@" --output-file requirements/build.txt requirements/build.in
compile "$@" --output-file requirements/dev.txt requirements/dev.in
compile "$@" --extra ner --constraint requirements/base.txt --constraint requirements/dev.txt \
  --output-file requirements/ner.txt pyproject.toml
sed -i "1i # Made by scripts/lock.sh; do not edit." requirements/base.txt requirements/build.txt requirements/dev.txt requirements/ner.txt
