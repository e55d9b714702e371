"""What `slmcode` itself needs of requirements.lock: without the tools of development.

    python editors/runtime_lock.py FOLDER

writes FOLDER/requirements.lock (wheels) and FOLDER/native.lock (the library that is built for
the processor, from sources), with names, versions and hashes as the project's own lock file has
them. What belongs to the run time is read from the installed packages, by following requirements
from `slmcode` and from what builds the library.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
NATIVE = "llama-cpp-python"
BUILDERS = ("scikit-build-core", "ninja")  # no build isolation: everything has its hash
INSTALLER = "pip"  # in a bundle it installs the others; a Python may come without it


def needed(roots: Iterable[str]) -> set[str]:
    """The packages that `roots` need, themselves included, on whatever system.

    A marker that only says for which system a package is meant is passed over: the lock file has
    the same one. One that names an extra is not, unless the extra is asked for.
    """
    found: set[str] = set()
    waiting = [Requirement(name) for name in roots]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        asked = {name, *(f"{name}[{extra}]" for extra in requirement.extras)}
        if asked <= found:
            continue
        found |= asked
        try:
            requirements = metadata.requires(name) or []
        except metadata.PackageNotFoundError:  # for another system; such are leaves
            continue
        for line in requirements:
            child = Requirement(line)
            if wanted(child, requirement.extras):
                waiting.append(child)
    return {name for name in found if "[" not in name}


def wanted(requirement: Requirement, extras: Iterable[str]) -> bool:
    """Whether a requirement holds without an extra, or with one of `extras`."""
    marker = requirement.marker
    if marker is None or "extra" not in str(marker):
        return True
    return any(marker.evaluate({"extra": extra}) for extra in extras)


def pins(lock: str) -> list[tuple[str, str]]:
    """Name and text (the line and its hashes) of every pin; a package may have one per Python."""
    return [
        (canonicalize_name(found[1]), found[0])
        for found in re.finditer(r"^([A-Za-z0-9._-]+)==.*\n(?:[ \t].*\n)*", lock, re.MULTILINE)
    ]


def main() -> None:
    """See the module's docstring."""
    folder = Path(sys.argv[1])
    pinned = pins((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    names = needed(["slmcode", *BUILDERS, INSTALLER]) - {"slmcode", NATIVE}
    if lacking := sorted({NATIVE, INSTALLER, *BUILDERS} - {name for name, _ in pinned}):
        sys.exit(f"requirements.lock lacks {', '.join(lacking)}; run: make lock")
    for file, wanted_names in (("requirements.lock", names), ("native.lock", {NATIVE})):
        text = "".join(text for name, text in pinned if name in wanted_names)
        (folder / file).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
