"""A proved Python text made idiomatic, unit by unit, callees first.

First exact rules (`tidy`), then the model. Each step is kept only if the text still compiles, ruff
finds nothing new in it, and every input found so far gives what the original gives. So `text` is
at any time the last one that was proved.
"""

from __future__ import annotations

import ast
import asyncio
import re
import textwrap
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from slmcode.features.edits.outcome import Refused
from slmcode.features.translation import places, tidy
from slmcode.features.translation.asking import Asker
from slmcode.features.translation.checks import Lint, broken, formatted
from slmcode.features.translation.proving import Judged, Prover
from slmcode.features.translation.rules import RULES
from slmcode.features.translation.rules.code import Rule
from slmcode.features.translation.stopping import Stopped, unless
from slmcode.prompt import translation as prompts
from slmcode.prompt.edit import TooLong

_TRIES = 3
_LEAST = 2  # statements of a function worth asking the model for
_LONGER = 1.25  # an answer with so many more lines is not simpler
_OWN = re.compile(r"self\.(\w+)")


@dataclass
class Change:
    """What became of one unit."""

    rules: list[Rule] = field(default_factory=list)
    by_model: bool = False
    tries: int = 0
    confidence: float | None = None
    why: str = ""  # the model was of no use here because of this

    @property
    def is_idiomatic(self) -> bool:
        return self.by_model or any(not rule.is_small for rule in self.rules)


class Polish:
    """One text on its way. `text` must be proved by `prover` already."""

    def __init__(
        self, text: str, prover: Prover, asker: Asker | None, stopped: asyncio.Event | None
    ) -> None:
        self.text = self.ruled = self._faithful = text  # ruled: without the model's changes
        self.changes: dict[str, Change] = {}
        self._prover = prover
        self._asker = asker
        self._stopped = stopped
        self._lint = Lint()

    async def run(self, keys: Sequence[str], on_unit: Callable[[str], None]) -> None:
        """Polish the functions `keys`, in this order. Raises Stopped; `text` is proved then too."""
        self.changes = {key: Change() for key in keys}
        await unless(self._stopped, self._lint.accept(self.text))
        await self._by_rules(keys)
        self.ruled = self.text
        for key in keys:
            on_unit(key)
            if self._stopped is not None and self._stopped.is_set():
                raise Stopped
            await self._by_model(key)
        on_unit("")

    async def _by_rules(self, keys: Sequence[str]) -> None:
        """All rules on all units at once; where that fails, on one unit, then one rule at a time.

        The rules are exact, so the first nearly always holds, and one proof serves for all.
        """
        if await self._ruled(keys, RULES):
            return
        for key in keys:
            if not await self._ruled([key], RULES):
                for rule in RULES:
                    await self._ruled([key], (rule,))

    async def _ruled(self, keys: Sequence[str], rules: Sequence[Rule]) -> bool:
        """Whether what these rules make of the text was kept; also where they change nothing."""
        text, done = await asyncio.to_thread(tidy.tidied, self.text, keys, rules, self._faithful)
        if text == self.text:
            return True
        text = await unless(self._stopped, formatted(text))
        if await self._fault(text):
            return False
        self.text = text
        for key, served in done.items():
            have = self.changes[key].rules
            have += [rule for rule in served if rule not in have]
        return True

    async def _fault(self, text: str) -> str:
        """Why a text cannot be kept, "" where it can."""
        if fault := await unless(self._stopped, self._lint.fault(text)):
            return fault
        judged: Judged = await unless(self._stopped, self._prover.again(text))
        return judged.fault

    async def _by_model(self, key: str) -> None:
        change = self.changes[key]
        if self._asker is None:
            return
        place = places.places(self.text).get(key)
        if place is None:
            return
        if _n_statements(place) < _LEAST:
            change.why = "it is too short for the model to make it better"
            return
        code = places.code_of(self.text, place)
        method = prompts.Method(code, _known(self.text, key, code))
        model, fault = self._asker.model, ""
        try:
            while change.tries < _TRIES:
                prompt = prompts.polish(
                    model.tokenizer, model.chat, method, fault=fault, n_ctx=model.n_ctx
                )
                change.tries += 1
                written = await unless(self._stopped, self._asker.ask(prompt, draft=code))
                if not written.is_whole:
                    fault = f"it is longer than {prompt.max_tokens} tokens"
                    continue
                answer = textwrap.dedent(written.code)
                fault = _unlike(code, answer)
                if not fault:
                    text = tidy.without_unused_imports(places.replaced(self.text, place, answer))
                    text = await unless(self._stopped, formatted(text))
                    fault = await self._fault(text)
                    if not fault:
                        self.text = text
                        change.by_model, change.confidence = True, written.confidence
                        return
                if fault == _UNCHANGED:
                    break  # asked again, greedy decoding says the same again
        except (Refused, TooLong) as e:
            fault = str(e)
        change.why = fault


_UNCHANGED = "the model changed nothing"


def _unlike(old: str, new: str) -> str:
    """Why an answer is no other form of the function, whatever it does; "" where it is one."""
    if wrong := broken(new):
        return wrong
    before, after = places.places(old), places.places(new)
    (key, place), *_ = before.items()
    mine = after.get(key)
    if mine is None or len(after) != 1 or len(mine.node.name) != len(place.node.name):
        return f"it must be the one function {key}"
    a, b = place.node, mine.node
    if not isinstance(a, _FUNCTIONS) or not isinstance(b, _FUNCTIONS):
        return f"it must be the function {key}"
    if tidy.dumped(a.args) != tidy.dumped(b.args):
        return "the parameters must stay as they are"
    if places.same_code(old, new):
        return _UNCHANGED
    if lost := [c for c in places.comments(old) if c not in places.comments(new)]:
        return f"the comment {lost[0]!r} is missing"
    n_old, n_new = len(old.splitlines()), len(new.splitlines())
    if n_new > n_old * _LONGER + 2:
        return f"it has {n_new} lines instead of {n_old}: that is not simpler"
    # What loops or decides and did not before is of no use, though every input agree: a loop around
    # a body that ends the program.
    if new_forks := _forks(b) - _forks(a):
        return f"it has a new {next(iter(new_forks))}: leave the logic as it is"
    return ""


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_FORKS: dict[type[ast.AST], str] = {
    **dict.fromkeys((ast.For, ast.AsyncFor, ast.While, ast.comprehension), "loop"),
    **dict.fromkeys((ast.If, ast.IfExp, ast.match_case), "condition"),
    ast.Try: "try",
    ast.With: "with",
}


def _forks(function: ast.AST) -> Counter[str]:
    """How many loops and decisions there are in a function, in whichever form."""
    nodes = list(ast.walk(function))
    forks = Counter(_FORKS[type(node)] for node in nodes if type(node) in _FORKS)
    guards = sum(len(node.ifs) for node in nodes if isinstance(node, ast.comprehension))
    return forks + Counter(condition=guards)


def _n_statements(place: places.Place) -> int:
    return sum(isinstance(n, ast.stmt) for n in ast.walk(place.node)) - 1


def _known(text: str, key: str, code: str) -> tuple[str, ...]:
    """The lines of __init__ that declare what the method uses."""
    owner = key.rpartition(".")[0]
    init = places.places(text).get(f"{owner}.__init__")
    if init is None:
        return ()
    used = set(_OWN.findall(code))
    lines = text.splitlines()[init.start : init.end]
    return tuple(
        line.strip()
        for line in lines
        if (found := _OWN.match(line.strip())) is not None and found[1] in used
    )


def callees_first(calls: Mapping[str, Sequence[str]]) -> list[str]:
    """The names in an order in which a name comes behind all it calls, as far as there is one."""
    out: list[str] = []
    seen: set[str] = set()
    for name in calls:
        # An explicit stack: programs of 20,000 lines have chains longer than Python's own.
        stack = [(name, iter(calls[name]))] if name not in seen else []
        seen.add(name)
        while stack:
            at, rest = stack[-1]
            following = next((c for c in rest if c in calls and c not in seen), None)
            if following is None:
                out.append(at)
                stack.pop()
            else:
                seen.add(following)
                stack.append((following, iter(calls[following])))
    return out
