"""Programs by PATH, without those of wherever we happen to be.

An editor starts its server in the folder that is opened. With `.`, "" or `bin` in PATH, which some
people have, a program of that folder would be started, before anybody has said that it may be.
"""

from __future__ import annotations

import os
import shutil


def which(name: str) -> str | None:
    """The first program of that name in a folder that PATH names in full."""
    path = os.environ.get("PATH", os.defpath)
    absolute = os.pathsep.join(p for p in path.split(os.pathsep) if os.path.isabs(p))
    return shutil.which(name, path=absolute) if absolute else None
