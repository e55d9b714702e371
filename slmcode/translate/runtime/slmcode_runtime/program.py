"""A translated program: how it starts, calls others and ends.

    class Payroll(Program):
        def main(self) -> None:
            self.call("TAXES", self.employee.storage)
            self.stop()

    if __name__ == "__main__":
        Payroll().run()

A program is one instance per run: its data live on from CALL to CALL until CANCEL. What is passed
is storage (bytes); the called program lays its own records over it.
"""

from __future__ import annotations

import decimal
import importlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, ClassVar, NoReturn

from .numbers import CONTEXT
from .records import Storage

Jump = Callable[[], "Jump"] | None  # the paragraph that goes next; None: the one that follows

# What has to be done when the run ends, as closing files; in this order.
at_end: list[Callable[[], None]] = []

_programs: dict[str, type[Program]] = {}  # of all modules that are loaded
_instances: dict[tuple[type[Program], int], Program] = {}
_switches: dict[str, bool] = {}
_external: dict[str, bytearray] = {}


class StopRun(Exception):
    """STOP RUN: the whole run ends."""


class ExitProgram(Exception):
    """EXIT PROGRAM, GOBACK: this program ends."""


class CallError(Exception):
    """A program that is not there: ON EXCEPTION of CALL."""


class Program:
    """The base of every translated program."""

    name: ClassVar[str] = ""  # as CALL writes it; the name of the class where it says nothing
    initial: ClassVar[bool] = False  # its data start anew at every CALL
    common: ClassVar[bool] = False  # may be called by the programs beside it too
    contained: ClassVar[tuple[type[Program], ...]] = ()

    def __init__(self, parent: Program | None = None) -> None:
        decimal.setcontext(CONTEXT)  # of this thread: programs calculate exactly
        self.parent: Any = parent
        self.caller: Program | None = None
        self.called = False
        self._return_code = 0

    @property
    def return_code(self) -> int:
        """RETURN-CODE: a program has one with those it contains."""
        return self._return_code if self.parent is None else int(self.parent.return_code)

    @return_code.setter
    def return_code(self, code: int) -> None:
        if self.parent is None:
            self._return_code = code
        else:
            self.parent.return_code = code

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        if not cls.__dict__.get("name"):
            cls.name = cls.__name__.upper()
        _programs.setdefault(cls.name.upper(), cls)

    def start(self) -> None:
        """The procedure division, in its order."""
        self.main()

    def main(self) -> None:
        """The first paragraph."""

    def link(self, *storage: Storage | None) -> None:
        """Lays the records of the linkage section over what is passed."""

    def procedures(self) -> tuple[Callable[[], Jump], ...]:
        """The paragraphs in their order, of a program that jumps."""
        return ()

    def perform(self, first: Callable[[], Jump], last: Callable[[], Jump] | None = None) -> None:
        """PERFORM first THRU last where paragraphs may jump out of their order."""
        end = last or first
        order = self.procedures()
        at = first
        while True:
            to = at()
            if to is not None:
                at = to
                continue
            if at == end:
                return
            follows = order.index(at) + 1
            if follows == len(order):
                raise ExitProgram
            at = order[follows]

    def flow(self, first: Callable[[], Jump]) -> None:
        """Runs from `first` to the end of the program, jumps and all."""
        order = self.procedures()
        at = first
        while True:
            to = at()
            if to is None:
                follows = order.index(at) + 1
                if follows == len(order):
                    return
                to = order[follows]
            at = to

    def stop(self, code: int | None = None) -> NoReturn:
        """STOP RUN."""
        if code is not None:
            self.return_code = code
        raise StopRun(self.return_code)

    def goback(self, code: int | None = None) -> NoReturn:
        """GOBACK: back to the caller; of the main program the end."""
        if code is not None:
            self.return_code = code
        raise ExitProgram

    def exit_program(self) -> None:
        """EXIT PROGRAM: back to the caller; does nothing in the main program."""
        if self.called:
            raise ExitProgram

    def switch(self, name: str) -> bool:
        """Whether a switch of SPECIAL-NAMES is on; at first what COB_SWITCH_1 … say."""
        if name not in _switches:
            number = name.rpartition("-")[2]
            _switches[name] = os.environ.get(f"COB_SWITCH_{number}", "").upper() == "ON"
        return _switches[name]

    def set_switch(self, name: str, on: bool) -> None:
        """SET switch TO ON, OFF."""
        _switches[name] = on

    # CALL

    def find(self, name: str) -> type[Program]:
        """The program that CALL `name` means here. Raises CallError."""
        wanted = name.strip(" \0").upper()
        for program in self.contained:
            if program.name.upper() == wanted:
                return program
        above: Program | None = self.parent
        while above is not None:
            for program in above.contained:
                if program.name.upper() == wanted and program.common:
                    return program
            above = above.parent
        found = _programs.get(wanted)
        if found is None:
            module = wanted.lower().replace("-", "_")
            try:
                if module.isidentifier():
                    importlib.import_module(module)
            except ModuleNotFoundError as missing:
                if missing.name != module:
                    raise
            found = _programs.get(wanted)
        if found is None or _is_nested(found):
            raise CallError(name.strip())
        return found

    def _instance(self, program: type[Program]) -> Program:
        parent: Program | None = self
        while parent is not None and program not in parent.contained:
            parent = parent.parent
        if program.initial:
            return program(parent)
        key = (program, id(parent))
        found = _instances.get(key)
        if found is None:
            found = _instances[key] = program(parent)
        return found

    def call(self, program: type[Program] | str, *storage: Storage | None) -> None:
        """CALL: runs `program` with what is passed. Raises CallError where there is none."""
        if isinstance(program, str):
            routine = ROUTINES.get(program.strip(" \0").upper())
            if routine is not None:
                self.return_code = routine(*storage)
                return
            program = self.find(program)
        callee = self._instance(program)
        before = callee.caller, callee.called
        callee.caller, callee.called = self, True
        callee.link(*storage)
        try:
            callee.start()
        except ExitProgram:
            pass
        except StopRun:
            self.return_code = callee.return_code
            raise
        finally:
            callee.caller, callee.called = before
        self.return_code = callee.return_code

    def cancel(self, program: type[Program] | str) -> None:
        """CANCEL: its data start anew at the next CALL."""
        if isinstance(program, str):
            try:
                program = self.find(program)
            except CallError:
                return
        for key in [key for key in _instances if key[0] is program]:
            del _instances[key]

    def call_function(self, function: type[Program], *storage: Storage | None) -> Any:
        """A user's own FUNCTION: what stands in its RETURNING item."""
        callee = function(self)
        callee.called = True
        callee.link(*storage)
        try:
            callee.start()
        except ExitProgram:
            pass
        return callee.returning  # type: ignore[attr-defined]  # the emitter writes it

    def run(self, *storage: Storage | None) -> NoReturn:
        """Runs as the main program and ends the process with RETURN-CODE."""
        sys.setrecursionlimit(100_000)
        _instances[(type(self), id(None))] = self
        code = 0
        try:
            self.link(*storage)
            self.start()
            code = self.return_code
        except ExitProgram:
            code = self.return_code
        except StopRun as stop:
            code = stop.args[0] if stop.args else self.return_code
        except CallError as missing:
            print(f"libcob: error: module '{missing}' not found", file=sys.stderr)
            code = 1
        except BrokenPipeError:
            code = 1
        finally:
            for action in at_end:
                action()
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        raise SystemExit(code & 0xFF)


def _is_nested(program: type[Program]) -> bool:
    return any(program in other.contained for other in _programs.values())


def external(name: str, size: int) -> bytearray:
    """The bytes of an EXTERNAL item, one for all programs of a run; at first binary zeros."""
    return _external.setdefault(name.upper(), bytearray(size))


# Routines of the system that programs may CALL


def _text(storage: Storage | None) -> str:
    return str(storage or b"", "latin-1")


def _system(command: Storage) -> int:
    sys.stdout.flush()
    done = subprocess.run(_text(command).rstrip(" \0"), shell=True, check=False)
    return done.returncode


def _sleep(seconds: Storage) -> int:
    time.sleep(int(_text(seconds).strip(" \0") or 0))
    return 0


ROUTINES: dict[str, Callable[..., int]] = {
    "SYSTEM": _system,
    "C$SLEEP": _sleep,
}
