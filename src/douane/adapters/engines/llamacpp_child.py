"""The program that runs llama.cpp's own server in a process of its own (`python -m`); started by `llamacpp` alone.

Rules enforced:
1. It never outlives its parent: the kernel kills it with its parent, and the end of its standard input ends it.
2. It opens the weights only through the descriptor it inherited: what is served is the file that was hashed.
3. The key comes over standard input; command line and environment hold no secret.
4. llama.cpp's own output goes nowhere: it may hold prompts (law 9). No core file is written, for the same reason.
5. Nothing of one request is kept for the next unless `share_prefixes` says so: prefix caches tell tenants apart by
   nothing but time (law 11). Slots, web pages, and tools of the server are off.

It says one line of JSON on standard output: `{"listening": port}`, or `{"failed": cause}` with a cause of `CAUSES`.
When it starts, whether it may, and what follows its end are left to its parent.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
from typing import Any, Final

CAUSES: Final = ("package-missing", "load", "parent-gone", "settings")
MAX_SETTINGS_BYTES: Final = 64 * 1024

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NO_NEW_PRIVS: Final = 38


def main() -> int:
    """Serve until the parent ends or says so; return the exit status where serving never began."""
    settings = _read_settings()
    report = _divert_output()
    if settings is None:
        return _fail(report, "settings")
    if not _die_with_parent(settings["parent_pid"]):
        return _fail(report, "parent-gone")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        server = _serve(settings)
    except ImportError:
        return _fail(report, "package-missing")
    except (RuntimeError, ValueError, OSError):
        return _fail(report, "load")
    _say(report, {"listening": int(server.listening_address.rsplit(":", 1)[1])})
    while os.read(0, 4096):
        pass
    os._exit(0)  # the server's threads are not asked: nobody is left to answer to


def _read_settings() -> dict[str, Any] | None:
    """Read the first line of standard input; the rest of it stays open as the line of life."""
    data = b""
    while not data.endswith(b"\n"):
        more = os.read(0, 4096)
        if not more or len(data) > MAX_SETTINGS_BYTES:
            return None
        data += more
    settings: dict[str, Any] = json.loads(data)
    return settings


def _divert_output() -> int:
    """Point standard output and error to nowhere; return a descriptor of what standard output was."""
    report = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    return report


def _die_with_parent(parent_pid: int) -> bool:
    """Ask the kernel to kill this process with its parent; tell whether the parent still lives."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    return os.getppid() == parent_pid


def _serve(settings: dict[str, Any]) -> Any:
    """Load the weights and start the server; it runs in threads of its own."""
    import xllamacpp  # noqa: PLC0415  only here: the variables of its threads were set before, and it may be missing

    params = xllamacpp.CommonParams()
    params.model.path = f"/proc/self/fd/{settings['weights_fd']}"
    params.model_alias = {settings["alias"]}
    params.hostnames = ["127.0.0.1"]
    params.port = settings["port"]
    params.reuse_port = True  # the parent holds the port meanwhile
    params.api_keys = [settings["api_key"]]
    params.n_ctx = settings["context_tokens"]
    params.n_parallel = settings["slots"]
    params.n_batch = params.n_ubatch = settings["batch_tokens"]
    params.cpuparams.n_threads = settings["decode_threads"]
    params.cpuparams_batch.n_threads = settings["threads"]
    params.n_threads_http = settings["connections"]
    params.embedding = True
    params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    params.cache_prompt = settings["share_prefixes"]
    params.cache_idle_slots = settings["share_prefixes"]
    params.cache_ram_mib = 0
    params.endpoint_metrics = True
    params.endpoint_slots = False  # would show prompts
    params.endpoint_props = False
    params.ui = False
    params.offline = True
    params.verbosity = 0
    return xllamacpp.Server(params)


def _fail(report: int, cause: str) -> int:
    _say(report, {"failed": cause})
    return 1


def _say(report: int, value: dict[str, Any]) -> None:
    os.write(report, json.dumps(value).encode() + b"\n")
    os.close(report)


if __name__ == "__main__":
    sys.exit(main())
