"""Plants wrong results in a function of a Python program: do the program's own checks see them?

    python planting.py FILE FUNCTION

Runs the program as it is, then again for every call of the function that comes from outside of it,
with a wrong result for that call alone. A call is *noticed* where the program then ends or prints
otherwise. Prints one JSON line, the right results of the noticed calls in it. It is run in the
sandbox beside the program, so it imports nothing of ours; the program reads nothing.
"""

from __future__ import annotations

import ast
import atexit
import copy
import functools
import json
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

# A value of the same kind; the opposite truth, for checks that ask for no more; another content of
# what was given, for functions that answer through it.
WAYS = ("other", "opposite", "given")
_RUN_S = 10.0
_RESULTS = "results.json"


def plain(name: str) -> str:
    """A name as it is however its language writes it: findMaxMin is find_max_min."""
    return name.replace("_", "").lower()


def definition(tree: ast.AST, name: str) -> ast.FunctionDef | None:
    """The first function of that name, in a class too."""
    found = (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef))
    return next((n for n in found if plain(n.name) == plain(name)), None)


def other(value: Any) -> Any:
    """A wrong value, of the same type and number of elements where there are any."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return 2 * value + 1
    if isinstance(value, str):
        return value + "x"
    if isinstance(value, bytes | bytearray):
        return value + b"x"
    if isinstance(value, tuple):
        changed = [other(one) for one in value] or [0]
        return type(value)(*changed) if hasattr(value, "_make") else tuple(changed)
    if isinstance(value, list):
        return [other(one) for one in value] or [0]
    if isinstance(value, set | frozenset):
        return value ^ {"x"}
    if isinstance(value, dict):
        return {key: other(one) for key, one in value.items()} or {0: 0}
    if hasattr(value, "__dict__"):
        changed_object = copy.copy(value)
        _change(changed_object)
        return changed_object
    return object()


def opposite(value: Any) -> Any:
    """The other truth, of a value without elements."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return 0 if value else 1
    if isinstance(value, str):
        return "" if value else "x"
    return 1 if value is None else value


def _change(value: Any) -> None:
    if isinstance(value, list | bytearray):
        value[:] = other(value)
    elif isinstance(value, dict):
        value.update(other(value))
    elif isinstance(value, set):
        value ^= {"x"}
    elif hasattr(value, "__dict__") and not isinstance(value, type) and not callable(value):
        for name, one in list(vars(value).items()):
            setattr(value, name, other(one))


def spoilt(result: Any, given: tuple[Any, ...], way: str) -> Any:
    """What a call answers instead."""
    if way == "other":
        return other(result)
    if way == "opposite":
        return opposite(result)
    for one in given:
        _change(one)
    return result


def shown(value: Any) -> Any:
    """A result as JSON can say it, None where it cannot."""
    if isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, bytes | bytearray):
        return value.decode("latin-1")
    return [shown(one) for one in value] if isinstance(value, list | tuple) else None


def planted(number: int, way: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator: call `number`, from 0, answers wrong. The right results are written at exit."""
    depth = 0
    results: list[Any] = []
    atexit.register(lambda: Path(_RESULTS).write_text(json.dumps(results), encoding="utf-8"))

    def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: Any, **named: Any) -> Any:
            nonlocal depth
            if depth:
                return function(*args, **named)
            depth = 1
            try:
                result = function(*args, **named)
            finally:
                depth = 0
            results.append(shown(result))
            is_wrong = len(results) == number + 1
            return spoilt(result, (*args, *named.values()), way) if is_wrong else result

        return call

    return decorated


def run_planted(file: str, name: str, number: int, way: str) -> None:
    """Run the program in this process; what it raises is raised."""
    tree = ast.parse(Path(file).read_bytes())
    function = definition(tree, name)
    assert function is not None
    function.decorator_list.append(ast.Name("__planted__", ast.Load()))
    module = types.ModuleType("__main__")
    vars(module).update(__file__=file, __planted__=planted(number, way))
    sys.argv, sys.modules["__main__"] = [file], module
    exec(compile(ast.fix_missing_locations(tree), file, "exec"), vars(module))


def _ended(command: list[str]) -> tuple[int | None, str]:
    """Exit code, None where it did not end, and stdout."""
    try:
        run = subprocess.run(
            [sys.executable, *command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_RUN_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None, ""
    return run.returncode, run.stdout.decode("utf-8", "backslashreplace")


def report(file: str, name: str) -> dict[str, Any]:
    """See the module's docstring. Nothing is planted in a program that fails as it is."""
    ended = _ended([file])
    out: dict[str, Any] = {"exit_code": ended[0], "stdout": ended[1], "noticed": []}
    if ended[0] != 0 or definition(ast.parse(Path(file).read_bytes()), name) is None:
        return out
    command = [__file__, file, name]
    if _ended([*command, "-1", WAYS[0]]) != ended:
        return out  # it looks at its own code: nothing can be said
    for number, result in enumerate(json.loads(Path(_RESULTS).read_text(encoding="utf-8"))):
        if any(_ended([*command, str(number), way]) != ended for way in WAYS):
            out["noticed"].append(result)
    return out


if __name__ == "__main__":
    if len(sys.argv) > 3:
        run_planted(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
    else:
        print(json.dumps(report(sys.argv[1], sys.argv[2])))
