"""Which data folder a command means where it reads no configuration: the one that `up` uses without one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    Path | None,
    typer.Option(help="The data folder of the gateway; DOUANE_DATA's without it, else `douane-data`.", metavar="DIR"),
]


def data_folder(given: Path | None) -> Path:
    """Return the folder that `--data` names, else DOUANE_DATA, else the default."""
    from douane import config

    unnamed = config.loads("", base_dir=".", kinds={}, source="default")
    return Path(config.data_dir(None if given is None else str(given), unnamed))
