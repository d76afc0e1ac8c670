"""Runs within detect-secrets' own environment: lines of {"text"} or {"file"} in, how many secrets it saw out.

By `scan_file` with its default settings, as LLM Guard calls it: a text is written to a file first.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from detect_secrets import SecretsCollection
from detect_secrets.settings import default_settings


def main() -> None:
    """Answer each line."""
    with tempfile.TemporaryDirectory() as folder, default_settings():
        for line in sys.stdin:
            asked = json.loads(line)
            begin = time.process_time()
            path = asked.get("file")
            if path is None:
                path = str(Path(folder) / "text.txt")
                Path(path).write_text(asked["text"], encoding="utf-8")
            secrets = SecretsCollection()
            secrets.scan_file(path)
            count = sum(len(found) for found in secrets.data.values())
            print(json.dumps({"cpu_ms": (time.process_time() - begin) * 1e3, "found": count}))


if __name__ == "__main__":
    main()
