#!/bin/sh
# Installs peers into bench/out/peers/NAME, gently: bench/peers/install.sh NAME [NAME ...]
cd "$(dirname "$0")/../.." && exec nice -n 15 "${PYTHON:-.venv/bin/python}" -m bench.peers.catalogue "$@"
