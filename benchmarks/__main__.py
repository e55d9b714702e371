"""Both benchmarks, one after the other: `python -m benchmarks [--short] [--record]`.

The last line is one JSON document with a key for each.
"""

from __future__ import annotations

import json
import sys

from benchmarks import fim, typing


def main() -> None:
    """See the module's docstring."""
    print(json.dumps({"fim": fim.main(sys.argv[1:]), "typing": typing.main(sys.argv[1:])}))


if __name__ == "__main__":
    main()
