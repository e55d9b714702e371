"""Tests of one Python module, tried on it as it is and on mutants of it, in one sandbox run."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from slmcode.verify import sandbox
from slmcode.verify.sandbox import Limits, SandboxRefused

_DRIVER = Path(__file__).with_name("trial_driver.py")
_FOLDER = ".slmcode-trial"  # in the sandbox's view of the folder only
_TEST_S = 5.0  # for one test, and for all tests on one mutant


class Trial(msgspec.Struct, frozen=True):
    """One test function without parameters; `source` defines it, and may call `_seen(n, value)`."""

    name: str
    source: str


class Tried(msgspec.Struct, frozen=True):
    """How a test ended. `error` is "" where it passed, twice."""

    error: str  # "ValueError: no"
    kind: str = ""  # "ValueError"
    line: int = 0  # of the trial's source, from 1; 0 where the error is not in it
    raised_here: bool = False  # by a raise statement of the module
    seconds: float = 0.0
    touched: tuple[str, ...] = ()  # what is not the test's own: "the network"
    # By n: the value as a literal; else "repr=" or "type=" and one; "" where it was not always so.
    seen: dict[str, str] = {}


class Trials(msgspec.Struct, frozen=True):
    """All of one run. `error` says why the module cannot be imported, "" where it can.

    `missing` is the package that is not installed, if that is why. `unusable` are the numbers of
    statements of the header that fail. `mutants` are the names of
    the tests that fail on each one; empty where `control` is False: then the tests fail on
    the module's own text too, if that is executed twice.
    """

    error: str
    missing: str = ""
    has_pytest: bool = False
    unusable: tuple[int, ...] = ()
    tests: tuple[Tried, ...] = ()
    control: bool = False
    mutants: tuple[tuple[str, ...], ...] = ()
    weaker: str = ""


class Module(msgspec.Struct, frozen=True):
    """A module of a project: how it is imported, and by which Python."""

    python: str
    folder: Path  # of the project
    paths: tuple[Path, ...]  # go before sys.path
    name: str
    file: Path
    overlay: Mapping[Path, str | None] = {}
    env: Mapping[str, str] = {}


async def run_trials(
    module: Module,
    header: Sequence[str] = (),
    tests: Sequence[Trial] = (),
    mutants: Sequence[str] = (),
    *,
    wall_s: float,
    hash_seed: int = 0,
) -> Trials:
    """Import the module and run each test on its own, then all that passed on each mutant.

    `header` are statements to execute before every test, and those that fail are left out;
    `mutants` are whole texts of the module. Strings
    hash by `hash_seed`, so two runs with different ones tell what depends on the order of sets.
    Raises SandboxRefused.
    """
    nonce = secrets.token_hex(8)
    request = {
        "nonce": nonce,
        # As seen from the folder: the sandbox may show it at another path.
        "paths": [os.path.relpath(p, module.folder) for p in module.paths],
        "module": module.name,
        "file": os.path.relpath(module.file, module.folder),
        "header": list(header),
        "tests": [msgspec.structs.asdict(t) for t in tests],
        "mutants": list(mutants),
        "limit_s": wall_s - 1,
        "test_s": min(_TEST_S, wall_s / 2),
    }
    own = module.folder / _FOLDER
    overlay = {
        **module.overlay,
        own / "driver.py": _DRIVER.read_text(encoding="utf-8"),
        own / "request.json": msgspec.json.encode(request).decode(),
    }
    command = [module.python, str(own / "driver.py"), str(own / "request.json")]
    env = {**module.env, "PYTHONHASHSEED": str(hash_seed), "PYTHONSAFEPATH": "1"}
    limits = Limits(wall_s=wall_s)
    ran = await sandbox.run(command, module.folder, overlay=overlay, limits=limits, env=env)
    for line in ran.stdout.splitlines():
        if line.startswith(nonce):
            found = msgspec.json.decode(line[len(nonce) :], type=Trials)
            return msgspec.structs.replace(found, weaker=ran.weaker)
    if ran.stopped:
        raise SandboxRefused(f"the tests' run was stopped ({ran.stopped})")
    said = (ran.stderr.strip() or "no answer").splitlines()
    raise SandboxRefused(f"{module.python} could not run the tests: {said[-1]}")
