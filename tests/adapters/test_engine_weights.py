"""Law 5 at the engine: what is served is the file that was hashed."""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path

import pytest

from douane.adapters.engines.weights import HeldWeights, Weights
from douane.errors import EngineFailed

CONTENT = b"GGUF" + bytes(range(256)) * 9000


def weights(path: Path, content: bytes = CONTENT) -> Weights:
    return Weights(str(path), hashlib.sha256(content).hexdigest(), len(content))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model.gguf"
    path.write_bytes(CONTENT)
    return path


def test_the_expected_file_is_held(file: Path) -> None:
    held = HeldWeights(weights(file))
    try:
        asyncio.run(held.check())
        assert not held.changed
        assert os.pread(held.fd, 4, 0) == b"GGUF"
    finally:
        held.close()
        held.close()


def test_a_file_that_differs_in_one_byte_is_refused(file: Path) -> None:
    expected = weights(file)
    changed = bytearray(CONTENT)
    changed[-1] ^= 1
    file.write_bytes(changed)
    held = HeldWeights(expected)
    with pytest.raises(EngineFailed, match="SHA-256") as refused:
        asyncio.run(held.check())
    held.close()
    assert expected.sha256 in refused.value.problem
    assert refused.value.fix


@pytest.mark.parametrize("content", [b"", CONTENT[:-1], CONTENT + b"x"], ids=["empty", "shorter", "longer"])
def test_a_file_of_another_size_is_refused_before_it_is_read(file: Path, content: bytes) -> None:
    expected = weights(file)
    file.write_bytes(content)
    with pytest.raises(EngineFailed, match=f"holds {len(content)} bytes"):
        HeldWeights(expected)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineFailed, match="cannot be opened"):
        HeldWeights(weights(tmp_path / "none"))


def test_what_is_not_a_regular_file_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
        with pytest.raises(EngineFailed):
            HeldWeights(Weights(str(path), "0" * 64, os.stat(path).st_size))


def test_a_path_that_is_replaced_after_the_check_does_not_replace_what_is_served(file: Path) -> None:
    held = HeldWeights(weights(file))
    asyncio.run(held.check())
    other = file.with_name("other")
    other.write_bytes(b"EVIL" + CONTENT[4:])
    os.replace(other, file)
    with open(f"/proc/self/fd/{held.fd}", "rb") as served:
        assert served.read() == CONTENT
    asyncio.run(held.check())
    held.close()


def test_a_file_written_in_place_after_the_check_is_noticed_and_refused(file: Path) -> None:
    held = HeldWeights(weights(file))
    asyncio.run(held.check())
    before = os.stat(file)
    with file.open("r+b") as written:
        written.write(b"EVIL")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert held.changed
    with pytest.raises(EngineFailed):
        asyncio.run(held.check())
    held.close()


def test_a_file_that_is_only_touched_is_hashed_again_and_served_on(file: Path) -> None:
    held = HeldWeights(weights(file))
    asyncio.run(held.check())
    os.utime(file, ns=(1, 1))
    assert held.changed
    asyncio.run(held.check())
    assert not held.changed
    held.close()


def test_a_cancelled_check_leaves_the_descriptor_to_its_reader(file: Path) -> None:
    held = HeldWeights(weights(file))

    async def cancelled() -> None:
        task = asyncio.create_task(held.check())
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled())
    assert os.fstat(held.fd)
    held.close()
