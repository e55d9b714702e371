"""All benchmarks, one after the other: `python -m benchmarks [--short] [--record]`.

The last line is one JSON document with a key for each. It is kept in `artifacts/bench.json`, where
`benchmarks.guard` finds it.
"""

from __future__ import annotations

import argparse
import importlib
import json

from benchmarks import report

BENCHMARKS = (
    *("fim", "typing", "speculation", "startup"),
    *("index", "context", "translation", "clients"),
)
DOCUMENT = report.ARTIFACTS / "bench.json"


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--short", action="store_true", help="the few minutes of CI")
    parser.add_argument("--record", action="store_true", help="append to results.jsonl")
    args = parser.parse_args()
    flags = [f"--{name}" for name in ("short", "record") if getattr(args, name)]
    doc = {}
    for name in BENCHMARKS:
        doc[name] = importlib.import_module(f"benchmarks.{name}").main(flags)
    line = json.dumps(doc, ensure_ascii=False)
    DOCUMENT.parent.mkdir(exist_ok=True)
    DOCUMENT.write_text(line + "\n", encoding="utf-8")
    print(line)


if __name__ == "__main__":
    main()
