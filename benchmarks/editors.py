"""From the last key to ghost text on the screen, in real editors, with the real model.

    python -m benchmarks.editors --editor neovim --keys 400
    python -m benchmarks.editors --editor vscode --editor neovim --beside     at once, one engine

The person of the typing replay (`replay.py`: same regions, gaps and pauses) types into the editor
with our plugin in it, and what stands on the screen is watched: of Neovim every flush of its grid
(`tests/editors/neovim.py`), of VS Code every animation frame of its page. A key's time ends with
the first frame that holds the key and ghost text behind it. It is told apart what happened:

    appeared     the ghost text is new: the bar is about these
    typed along  the key is what the ghost text said; the rest has to be there in the key's frame
    stale        the key is another one, and a frame still shows the old ghost text

Files that hold tabs are left out, because the screen shows blanks for them. The workspace is a
copy of the file's repository, indexed before the editor starts; the engine is warm.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from benchmarks import report
from benchmarks.replay import (
    Answer,
    Region,
    Session,
    latencies,
    percentile,
    plan,
    share,
    type_region,
)
from benchmarks.replay import figures as session_figures
from benchmarks.screens import SCREENS, Screen, Sight
from benchmarks.typing import rows, workspace_of
from slmcode.cli.typist import ANNOUNCED_S
from tests.conftest import cache_with_weights

T = TypeVar("T")
_KEYS = 400
_LAG_S = 2.0  # longest time a key may take into the text
_FILES = 40  # to choose from; as many are typed as the keys need


class Key(NamedTuple):
    """What one key did on the screen."""

    key: str
    accepted: bool
    before: str  # the ghost text when it was pressed
    sights: tuple[Sight, ...]

    @property
    def typed_along(self) -> bool:
        """It is what the ghost text said, and a rest of that is left."""
        rest = self.before.removeprefix(self.key)
        return not self.accepted and rest != self.before and bool(rest.strip())

    @property
    def stale(self) -> list[Sight]:
        """Frames in which the old ghost text stands behind a key that does not go with it."""
        if self.typed_along or self.accepted or not self.before:
            return []
        return [s for s in self.sights if s.ghost == self.before]

    @property
    def text_after_s(self) -> float | None:
        """Until ghost text of its own stood there; None where none did."""
        stale = self.stale
        return next((s.after_s for s in self.sights if s.ghost and s not in stale), None)

    @property
    def lost_n(self) -> int:
        """Frames without ghost text, of a key that was typed along, before it is there again."""
        n = 0
        for sight in self.sights:
            if sight.ghost:
                return n
            n += 1
        return n


class Astray(Exception):
    """What stands in the editor is not what was typed."""


class ScreenDesk:
    """The replay's desk over an editor. Blocks: drive it with `run`, not with an event loop."""

    def __init__(self, screen: Screen) -> None:
        self.keys: list[Key] = []
        self._screen = screen
        self._text = ""
        self._pressed: tuple[str, bool] | None = None
        self._at = 0.0
        self._ghost = ""

    async def open(self, region: Region) -> None:
        self._text = region.before
        _wait_until(time.monotonic() + ANNOUNCED_S)

    async def press(self, text: str, *, accepted: bool) -> None:
        self._pressed, self._at = (text, accepted), time.monotonic()
        self._text += text
        if accepted:
            self._screen.accept(self._ghost.rstrip() == text)
        else:
            self._screen.press(text)

    async def rest(self, seconds: float) -> Answer | None:
        """Raises Astray."""
        assert self._pressed is not None
        _wait_until(self._at + seconds)
        key = Key(*self._pressed, self._ghost, tuple(self._screen.sights()))
        self.keys.append(key)
        self._check()
        self._ghost = key.sights[-1].ghost if key.sights else ""
        if key.text_after_s is None or not self._ghost:
            return None
        return Answer(self._ghost, key.text_after_s, {}, text_after_s=key.text_after_s)

    def _check(self) -> None:
        """The editor has what was typed, if need be a little later on a busy machine."""
        wanted = self._text.rpartition("\n")[2]
        end = time.monotonic() + _LAG_S
        while (left := self._screen.left()) != wanted:
            if time.monotonic() > end:
                raise Astray(f"{left!r} in place of {wanted!r}, by {self.keys[-1].key!r}")


def _wait_until(at: float) -> None:
    time.sleep(max(at - time.monotonic(), 0.0))


def run(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never waits for anything."""
    try:
        work.send(None)
    except StopIteration as e:
        return e.value  # type: ignore[no-any-return]
    raise AssertionError("it waited")


@dataclass
class Measured:
    """What one editor showed."""

    keys: list[Key] = field(default_factory=list)
    session: Session = field(default_factory=Session)
    astray: list[str] = field(default_factory=list)

    def figures(self) -> dict[str, Any]:
        """Latencies in ms, shares from 0 to 1; None where there is nothing to tell."""
        along = [k for k in self.keys if k.typed_along]
        own = [k for k in self.keys if not k.typed_along]
        appeared = [k.text_after_s for k in own if k.text_after_s is not None]
        kept = [k.text_after_s for k in along if k.text_after_s is not None]
        out: dict[str, Any] = {
            "keys": len(self.keys),
            "appeared": len(appeared),
            "with_ghost": share(len(appeared) + len(kept), len(self.keys)),
            "typed_along": len(along),
            "lost_frames": sum(k.lost_n for k in along),
            "keys_with_lost_frames": sum(k.lost_n > 0 for k in along),
            "stale_frames": sum(len(k.stale) for k in own),
            "astray": len(self.astray),
        }
        out |= latencies("appeared_", appeared, None) | latencies("kept_", kept, None)
        out = {name: value for name, value in out.items() if not name.endswith("_units")}
        first = [k.sights[0].after_s * 1e3 for k in self.keys if k.sights]
        out["echo_p50_ms"] = percentile(first, 0.5)  # the key itself, on the screen
        session = session_figures(self.session, None)
        return out | {name: session[name] for name in ("precision", "saved", "regions")}


def type_all(editor: str, regions: Sequence[Region], place: Place, n: int) -> Measured:
    """Type regions, each in an editor of its own, until `n` keys were pressed."""
    out = Measured()
    for region in regions:
        left = n - len(out.keys)
        if left <= 0:
            break
        region = region._replace(typed=region.typed[:left])
        screen = SCREENS[editor](place.workspace(region), region, place.env)
        desk = ScreenDesk(screen)
        try:
            out.session.add(run(type_region(desk, region, random.Random(region.path))))
        except Astray as e:
            out.astray.append(f"{region.repository} {region.path}: {e}")
        finally:
            screen.close()
        out.keys += desk.keys
        print(f"  {editor}: {region.repository} {region.path}: {len(desk.keys)} keys", flush=True)
    return out


class Place:
    """Folders and settings of one editor's run; the engine's folder may be shared."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self._folder = folder
        self.env = dict(env)
        for kind in ("CONFIG", "DATA", "STATE", "CACHE"):
            self.env[f"XDG_{kind}_HOME"] = str(folder / kind.lower())
        self.env["SLMCODE_STATE"] = str(folder / "slmcode")

    def workspace(self, region: Region) -> Path:
        """A copy of the region's repository, indexed, the file in it without the region."""
        folder = self._folder / region.repository.replace("/", "+")
        if not folder.exists():
            # What cannot be written gets no completions.
            shutil.copytree(workspace_of(region.repository), folder, copy_function=shutil.copyfile)
            for inner in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
                inner.chmod(0o755)
            (folder / ".git").mkdir(exist_ok=True)  # what editors know a project's folder by
        file = folder / region.path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(region.before + region.after, encoding="utf-8")
        command = [sys.executable, "-m", "slmcode.cli", "index", str(folder)]
        subprocess.run(command, env=self.env, check=True, stdout=subprocess.DEVNULL)
        return folder


def measure(editors: Sequence[str], regions: Sequence[Region], n: int, beside: bool) -> Any:
    """What each editor showed, by its name; all at once on one engine, or one after the other."""
    with tempfile.TemporaryDirectory(prefix="slmcode-") as runtime:
        folder = Path(runtime)
        config = folder / "config.toml"
        config.write_text("engine_idle_s = 5\n")
        cache_with_weights(folder / "cache")
        env = {
            **os.environ,
            "SLMCODE_RUNTIME": runtime,
            "SLMCODE_CONFIG": str(config),
            "SLMCODE_CACHE": str(folder / "cache"),
        }
        jobs = []
        for i, editor in enumerate(editors):
            (folder / str(i)).mkdir()
            jobs.append((editor, regions, Place(folder / str(i), env), n))
        with ThreadPoolExecutor(len(editors) if beside else 1) as pool:
            running = [pool.submit(type_all, *job) for job in jobs]
            names = [
                f"{editor} ({i + 1})" if beside else editor for i, editor in enumerate(editors)
            ]
            return {name: future.result() for name, future in zip(names, running, strict=True)}


def show(by_name: Mapping[str, Mapping[str, Any]]) -> None:
    """The table: a column an editor, a row a figure."""
    percent, number = report.percent, report.number

    def count(value: float | None) -> str:
        return number(value, 0)

    lines = [
        ("last key to new ghost text: p50, ms", "appeared_p50_ms", count),
        ("last key to new ghost text: p95, ms", "appeared_p95_ms", count),
        ("  such keys", "appeared", count),
        ("typed along, the rest there: p50, ms", "kept_p50_ms", count),
        ("typed along, the rest there: p95, ms", "kept_p95_ms", count),
        ("  such keys", "typed_along", count),
        ("  of them with frames that lack it", "keys_with_lost_frames", count),
        ("  such frames", "lost_frames", count),
        ("frames with old ghost text", "stale_frames", count),
        ("the key itself: p50, ms", "echo_p50_ms", count),
        ("keys with ghost text", "with_ghost", percent),
        ("precision", "precision", percent),
        ("saved", "saved", percent),
        ("keys", "keys", count),
        ("regions given up", "astray", count),
    ]
    body = [[title, *(form(f[key]) for f in by_name.values())] for title, key, form in lines]
    report.table("Ghost text on the screen", ["", *by_name], body)


def main(argv: list[str] | None = None) -> Any:
    """Run, print, return the JSON document."""
    parser = argparse.ArgumentParser(prog="benchmarks.editors", description=__doc__)
    parser.add_argument("--editor", action="append", choices=SCREENS, help="default: all of them")
    parser.add_argument("--keys", type=int, default=_KEYS, help="in each editor")
    parser.add_argument("--beside", action="store_true", help="all of them at once, on one engine")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--split", choices=("dev", "held-out"), default="held-out")
    parser.add_argument("--record", action="store_true", help="append to results.jsonl")
    args = parser.parse_args(argv)
    editors = args.editor or list(SCREENS)
    try:
        regions = plan(
            rows(),
            split=args.split,
            seed=args.seed,
            n_files=_FILES,
            wanted=lambda r: workspace_of(r["repo"]).is_dir() and "\t" not in r["after"],
        )
    except OSError as e:
        sys.exit(f"the benchmark data is absent: {e}")
    measured = measure(editors, regions, args.keys, args.beside)
    figures = {name: m.figures() for name, m in measured.items()}
    show(figures)
    for name, m in measured.items():
        for why in m.astray:
            print(f"{name}: given up: {why}")
    settings = {
        "keys": args.keys,
        "seed": args.seed,
        "split": args.split,
        "beside": args.beside,
    }
    doc = report.document("editors", settings, {"figures": figures})
    if args.record:
        report.record(doc)
    return doc


if __name__ == "__main__":
    print(json.dumps(main(), ensure_ascii=False))
