"""Whether an address can be listened on, and if not, whether it is Douane that already does (Linux)."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from enum import Enum, auto
from pathlib import Path

_LISTEN = "0A"


class PortUse(Enum):
    FREE = auto()
    OURS = auto()
    TAKEN = auto()
    FORBIDDEN = auto()
    NO_ADDRESS = auto()


_CAUSES = {errno.EADDRINUSE: PortUse.TAKEN, errno.EACCES: PortUse.FORBIDDEN, errno.EPERM: PortUse.FORBIDDEN}


def port_use(host: str, port: int) -> PortUse:
    """Try to bind the address as the gateway would; port 0 is always free."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except OSError as error:
        use = _CAUSES.get(error.errno or 0, PortUse.NO_ADDRESS)
        return PortUse.OURS if use is PortUse.TAKEN and _douane_listens(port) else use
    return PortUse.FREE


def _douane_listens(port: int) -> bool:
    """Tell whether a process of ours, by its command line, holds a listening socket on the port."""
    wanted = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    return any(
        _runs_douane(process) and not wanted.isdisjoint(_open_descriptors(process))
        for process in Path("/proc").glob("[0-9]*")
    )


def _listening_inodes(port: int) -> Iterator[str]:
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            rows = Path(table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            fields = row.split()
            if fields[3] == _LISTEN and int(fields[1].rsplit(":", 1)[1], 16) == port:
                yield fields[9]


def _runs_douane(process: Path) -> bool:
    try:
        words = (process / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return any(os.path.basename(word) == b"douane" or word.startswith(b"douane.") for word in words[:6])


def _open_descriptors(process: Path) -> Iterator[str]:
    try:
        descriptors = os.listdir(process / "fd")
    except OSError:
        return
    for descriptor in descriptors:
        try:
            yield os.readlink(process / "fd" / descriptor)
        except OSError:
            continue
