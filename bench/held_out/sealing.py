"""Held-out material, kept unreadable by accident: base85 of xz, with the plain file's sha256 in DIGESTS.

`python -m bench.held_out.sealing seal FILE...` seals files and writes their digests; `... check` opens each one and
compares. Only the measurement opens them (`opened`, `module`), and only when it is told to. This is no secrecy: it
keeps a search through the tree from showing what nobody may tune on, and the digests show what was fixed, and when.
"""

from __future__ import annotations

import argparse
import lzma
import sys
from base64 import b85decode, b85encode
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).parent
DIGESTS = HERE / "DIGESTS"
LINE = 100


def digests(folder: Path = HERE) -> dict[str, str]:
    """Return the sha256 of each plain file by its name."""
    kept = folder / DIGESTS.name
    lines = kept.read_text(encoding="ascii").splitlines() if kept.exists() else []
    return {name: digest for digest, name in (line.split(maxsplit=1) for line in lines)}


def record(name: str, digest: str, folder: Path = HERE) -> None:
    """Write a digest; refuse to change one that is there, since what was fixed stays fixed."""
    kept = digests(folder)
    if kept.get(name, digest) != digest:
        raise SystemExit(f"{name} is sealed already with another digest. Give the new file a new name.")
    lines = [f"{value}  {each}" for each, value in sorted({**kept, name: digest}.items())]
    (folder / DIGESTS.name).write_text("\n".join(lines) + "\n", encoding="ascii")


def seal(plain: Path, folder: Path = HERE) -> Path:
    """Seal one file beside DIGESTS and record its digest; the plain file stays where it is."""
    content = plain.read_bytes()
    record(plain.name, sha256(content).hexdigest(), folder)
    text = b85encode(lzma.compress(content, preset=9)).decode()
    sealed = folder / f"{plain.name}.sealed"
    sealed.write_text("".join(f"{text[at : at + LINE]}\n" for at in range(0, len(text), LINE)), encoding="ascii")
    return sealed


def opened(name: str, folder: Path = HERE) -> bytes:
    """Return the plain content of a sealed file, once its digest is the recorded one."""
    text = (folder / f"{name}.sealed").read_text(encoding="ascii")
    content = lzma.decompress(b85decode("".join(text.split())))
    if sha256(content).hexdigest() != digests(folder).get(name):
        raise SystemExit(f"{name}.sealed is not what DIGESTS recorded. Restore it from the history.")
    return content


def module(name: str, folder: Path = HERE) -> ModuleType:
    """Return a sealed Python file as a module, without writing it anywhere."""
    made = ModuleType(f"held_out_{name.removesuffix('.py')}")
    sys.modules[made.__name__] = made  # dataclasses look their module up
    exec(compile(opened(name, folder), f"<sealed {name}>", "exec"), made.__dict__)
    return made


def main(words: Sequence[str]) -> int:
    """Seal files, or check those that are sealed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=["seal", "check"])
    parser.add_argument("files", nargs="*", type=Path)
    asked = parser.parse_args(words)
    for plain in asked.files if asked.verb == "seal" else ():
        print(f"sealed {seal(plain).name}")
    for sealed in sorted(HERE.glob("*.sealed")) if asked.verb == "check" else ():
        name = sealed.name.removesuffix(".sealed")
        print(f"as recorded: {name}, {len(opened(name)):,} bytes")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
