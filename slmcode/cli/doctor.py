"""`slmcode doctor`: is everything here that slmcode needs, and what to do where it is not.

Native code is tried in a process of its own, so that a crash there is a line of the report.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import json
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from slmcode import __version__
from slmcode import config as settings
from slmcode.config import Config

_PROBE_S = 60.0  # a cold disk and a busy machine; it takes half a second otherwise
_ENGINE_MB = 250  # of the engine beside weights and KV cache: buffers, Python, tokens' text
_WATCHES = Path("/proc/sys/fs/inotify/max_user_watches")  # Linux
_ENOUGH_WATCHES = 32_768  # folders; one more than this is seldom one project
_SOCKET_PATH = 107 if sys.platform == "linux" else 103  # bytes of a Unix-domain socket's name

# llama.cpp's name of a feature -> the kernel's in /proc/cpuinfo
_CPU_FEATURES = {
    "AVX": "avx",
    "AVX2": "avx2",
    "F16C": "f16c",
    "FMA": "fma",
    "BMI2": "bmi2",
    "AVX_VNNI": "avx_vnni",
    "AVX512": "avx512f",
    "AVX512_VBMI": "avx512_vbmi",
    "AVX512_VNNI": "avx512_vnni",
    "AVX512_BF16": "avx512_bf16",
    "AMX_INT8": "amx_int8",
    "NEON": "asimd",
    "DOTPROD": "asimddp",
    "MATMUL_INT8": "i8mm",
    "SVE": "sve",
}


class Mark(enum.StrEnum):
    """How a check came out. `warn` works, but worse than it could."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Check(NamedTuple):
    """One line of the report; `advice` says what to do, and is empty where all is well."""

    name: str
    mark: Mark
    says: str
    advice: str = ""


def doctor(
    verify: Annotated[
        bool,
        typer.Option(
            "--verify",
            help="Hash the weights again, whatever is known of them; try each toolchain.",
        ),
    ] = False,
    measure: Annotated[
        bool,
        typer.Option("--measure", help="Measure the speed instead: up to a minute of all cores."),
    ] = False,
    privacy: Annotated[
        bool,
        typer.Option("--privacy", help="Try to break out of the closed network instead."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Check this machine and say what to do about each fault.

    Looks at interpreter, native library, weights, tokenizer, grammars, settings, folders, index,
    memory, the barriers around the engine's network and around project code, the toolchains by
    which translations are proved, and the engine. Exit code 1 if a check fails; a warning is
    something that works and could work better.
    """
    if measure:
        from slmcode.cli.measure import report

        raise typer.Exit(report(as_json))
    if privacy:
        from slmcode.cli.privacy import report as try_barriers

        raise typer.Exit(try_barriers(as_json))
    checks = list(examine(verify))
    failed = any(check.mark is Mark.FAIL for check in checks)
    if as_json:
        typer.echo(json.dumps({"ok": not failed, "checks": [c._asdict() for c in checks]}))
    else:
        _show(checks)
    raise typer.Exit(int(failed))


def examine(verify: bool = False) -> Iterator[Check]:
    """All checks, in the order of the report."""
    config, problems = settings.load()
    yield _interpreter()
    yield _settings(problems)
    yield _processors(config)
    found, crash = _probe()
    yield _native(found.get("native"), crash)
    yield _network(found.get("network"), crash)
    yield _grammars()
    path, weights = _weights(config, verify)
    yield weights
    if path is not None:
        yield _tokenizer(path)
    yield _writable("cache folder", settings.cache_folder(), "SLMCODE_CACHE")
    yield _writable("state folder", settings.state_folder(), "SLMCODE_STATE")
    yield _index(config)
    yield _project_code()
    yield from _toolchains(verify)
    yield _runtime(config, path)
    engines, running = _engines()
    yield engines
    if path is not None:
        yield _memory(config, path, running)


def _interpreter() -> Check:
    says = f"Python {platform.python_version()}, slmcode {__version__}, {platform.platform()}"
    if sys.maxsize < 2**32:
        return Check("interpreter", Mark.FAIL, says, "use a 64-bit Python: weights are mapped")
    return Check("interpreter", Mark.OK, says)


def _settings(problems: list[str]) -> Check:
    path = settings.config_path()
    if problems:
        return Check("settings", Mark.FAIL, "; ".join(problems), f"correct it in {path}")
    there = path.exists()
    return Check("settings", Mark.OK, str(path) if there else f"defaults; there is no {path}")


def _processors(config: Config) -> Check:
    name = "processors"
    usable = _usable_processors()
    cores = _physical_cores(usable)
    threads = config.threads or len(usable)
    of_cores = f" of {cores} cores" if cores else ""
    says = f"{len(usable)} usable{of_cores}; the engine works with {threads} threads"
    if threads > len(usable):
        advice = f'set "threads" to {len(usable)} or less'
        return Check(name, Mark.WARN, says, advice)
    with contextlib.suppress(OSError, AttributeError):
        load = os.getloadavg()[0]
        says += f"; load {load:.1f}"
        if load > len(usable) + 1:
            return Check(name, Mark.WARN, says, "other programs keep the processors busy")
    return Check(name, Mark.OK, says)


def _native(found: dict[str, Any] | None, crash: str) -> Check:
    name = "native library"
    if found is None:
        advice = "build it again: make clean setup"
        return Check(name, Mark.FAIL, f"llama.cpp cannot be loaded: {crash}", advice)
    built = set(found["features"])
    says = f"llama-cpp-python {found['version']} with {' '.join(found['features'])}"
    flags = _cpu_flags()
    missing = [ours for ours, theirs in _CPU_FEATURES.items() if theirs in flags - {""}]
    missing = [feature for feature in missing if feature not in built]
    if missing:
        advice = f"this CPU has {', '.join(missing)} too; for more speed: make clean setup"
        return Check(name, Mark.WARN, says, advice)
    return Check(name, Mark.OK, says)


def _network(found: dict[str, Any] | None, crash: str) -> Check:
    name = "network barrier"
    if found is None:
        return Check(name, Mark.FAIL, f"the engine's network cannot be closed: {crash}")
    says = " and ".join(found["barriers"])
    open_ways = [way for way in ("python", "native") if found[way] == ""]
    if "python" in open_ways:
        return Check(name, Mark.FAIL, f"{says}; yet a connection could be made", "report this")
    if open_ways:
        advice = (
            "native code could connect: this system lets no user make a network namespace"
            " (see kernel.unprivileged_userns_clone, or the container's settings)"
        )
        return Check(name, Mark.WARN, f"{says}; a connection from Python is refused", advice)
    return Check(name, Mark.OK, f"{says}; connections tried and refused")


def _grammars() -> Check:
    name = "grammars"
    code = "from slmcode.cli.doctor import print_grammars; print_grammars()"
    lines, crash = _run(["-c", code])
    if crash or not lines:
        return Check(name, Mark.FAIL, f"tree-sitter: {crash or 'no answer'}", "make clean setup")
    wrong: list[str] = lines[-1]["wrong"]
    if wrong:
        advice = "completions in these languages go by lines alone; make clean setup"
        return Check(name, Mark.FAIL, f"do not parse their sample: {', '.join(wrong)}", advice)
    samples = lines[-1]["samples"]
    if not samples:
        return Check(name, Mark.FAIL, "the grammars folder is missing", "install slmcode again")
    return Check(name, Mark.OK, f"{samples} parse their samples")


def print_grammars() -> None:
    """Parse the sample of every shipped grammar; one JSON object on stdout."""
    from slmcode.syntax import languages
    from slmcode.syntax.parser import SyntaxCache
    from slmcode.text import Snapshot

    cache = SyntaxCache()
    wrong, samples = [], 0

    def parses(language_id: str, text: str) -> bool:
        try:
            tree = cache.tree(Snapshot("file:///sample", language_id, 0, text), budget_ms=0)
        except Exception:  # whatever a grammar of another release raises
            return False
        return tree is not None and not tree.root.has_error

    for sample in sorted(languages.grammars_folder().glob("*/sample.*")):
        samples += 1
        text = sample.read_text(encoding="utf-8")
        if not parses(languages.language_of_path(sample), text):
            wrong.append(sample.parent.name)
    print(json.dumps({"samples": samples, "wrong": wrong}))


def _weights(config: Config, verify: bool) -> tuple[Path | None, Check]:
    """The file the engine loads, None if it cannot be used."""
    from slmcode.models import catalog, store
    from slmcode.models.catalog import ModelError

    name = "weights"
    try:
        model = catalog.find(config.model)
    except catalog.UnknownModel:
        try:
            path = store.resolve(config)
        except ModelError as e:
            return None, Check(name, Mark.FAIL, str(e), 'correct the setting "model"')
        size = f"{path.stat().st_size / 1e6:,.0f} MB"
        return path, Check(name, Mark.OK, f"{path}, {size}; not of the catalogue: no digest known")
    path = store.path_of(model, config)
    pull = f"run: slmcode models pull {model.role}"
    says = f"{model.role}: {path}, {model.size / 1e6:,.0f} MB"
    try:
        if verify:
            store.verify(path, model)
            return path, Check(name, Mark.OK, f"{says}; hashed just now, the digest is right")
        state = store.state_of(path, model)
        if state is store.State.UNCHECKED:
            advice = "run: slmcode models verify; or wait, the first use does it"
            return path, Check(name, Mark.WARN, f"{says}; not hashed since it changed", advice)
        if state is not store.State.READY:
            store.check(path, model)  # says what is wrong
    except ModelError as e:
        said, _, advice = str(e).partition("; run: ")
        return None, Check(name, Mark.FAIL, said, f"run: {advice}" if advice else pull)
    used, notice = store.choose(config)
    if notice:
        return used, Check(name, Mark.WARN, notice, f"run: slmcode models tune {model.role}")
    if used != path:
        says = f"{model.role}, fitted to this machine: {used}, {used.stat().st_size / 1e6:,.0f} MB"
    return used, Check(name, Mark.OK, f"{says}; the digest is right")


def _tokenizer(path: Path) -> Check:
    from slmcode.features.workspace import load_model
    from slmcode.models import vocabulary
    from slmcode.models.catalog import ModelError
    from slmcode.prompt.tokenizer import UnsupportedVocabulary

    name = "tokenizer"
    try:
        load_model(path)
        known = vocabulary.load(path, settings.cache_folder())
    except (ModelError, UnsupportedVocabulary, OSError) as e:
        return Check(name, Mark.FAIL, str(e), 'set "model" to one that works, such as "fast"')
    return Check(
        name, Mark.OK, f"{len(known.tokens):,} tokens ({known.pre}), those for fill-in-the-middle"
    )


def _writable(name: str, folder: Path, variable: str) -> Check:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as e:
        advice = f"make it writable, or name another folder in ${variable}"
        return Check(name, Mark.FAIL, f"{folder}: {e.strerror or e}", advice)
    return Check(name, Mark.OK, str(folder))


def _index(config: Config) -> Check:
    """The indexes of workspace folders, and whether changes of files can be watched."""
    if not config.index:
        return Check("index", Mark.WARN, "off by the setting index: prompts hold one file alone")
    folder = settings.cache_folder() / "index"
    sizes = [p.stat().st_size for p in folder.glob("*.sqlite")] if folder.is_dir() else []
    says = f"{len(sizes)} workspace folders, {sum(sizes) / 1e6:.0f} MB in {folder}"
    with contextlib.suppress(OSError, ValueError):
        watches = int(_WATCHES.read_text())
        if watches < _ENOUGH_WATCHES:
            advice = "large folders are searched for changes every few seconds; better: sudo sysctl"
            return Check(
                "index",
                Mark.WARN,
                f"{says}; only {watches} folders can be watched",
                f"{advice} fs.inotify.max_user_watches=524288",
            )
    return Check("index", Mark.OK, says)


def _project_code() -> Check:
    """What keeps a test command in its place: tried with a command in an empty folder."""
    from slmcode.verify import sandbox
    from slmcode.verify.sandbox import SandboxRefused

    name = "project code"
    try:
        with tempfile.TemporaryDirectory() as folder:
            ran = asyncio.run(sandbox.run("true", Path(folder)))
    except (SandboxRefused, OSError) as e:
        return Check(name, Mark.WARN, f"cannot be run here: {e}", "edits are not checked by tests")
    says = "; ".join(ran.barriers)
    if not ran.weaker:
        return Check(name, Mark.OK, says)
    return Check(name, Mark.WARN, f"{says}. Not held: {ran.weaker}", sandbox.advice())


def _toolchains(verify: bool) -> Iterator[Check]:
    """What builds and runs originals and translations, each tried with a program if `verify`."""
    from slmcode.verify import toolchains
    from slmcode.verify.toolchains import Missing

    async def look(language: str) -> Check:
        name = f"toolchain {language}"
        found = await asyncio.to_thread(toolchains.find, language)
        if not isinstance(found, Missing):
            missing = await toolchains.preflight(found) if verify else None
            if missing is None:
                tried = "; builds and runs a program" if verify else ""
                return Check(name, Mark.OK, f"{found.label}, {found.path}{tried}")
            found = missing
        says = f"{found.reason}; translations from or to it cannot be proved"
        return Check(name, Mark.WARN, says, found.install)

    async def look_for_all() -> list[Check]:
        return await asyncio.gather(*map(look, toolchains.LANGUAGES))

    yield from asyncio.run(look_for_all())


def _runtime(config: Config, path: Path | None) -> Check:
    """The folder of the socket: ours alone, and its path not too long for a socket's name."""
    import msgspec

    from slmcode.engine import wire
    from slmcode.features.launching import engine_options

    name = "socket folder"
    folder = settings.runtime_folder()
    shorter = "name a short folder of your own in $SLMCODE_RUNTIME"
    options = msgspec.structs.astuple(engine_options(config))
    address = wire.address(folder, path or Path("none"), options)
    length = len(os.fsencode(address))
    if length > _SOCKET_PATH and sys.platform != "win32":
        says = f"{address} is too long for a socket: {length} bytes of {_SOCKET_PATH}"
        return Check(name, Mark.FAIL, says, shorter)
    try:
        wire.private_folder(folder)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as e:
        return Check(name, Mark.FAIL, f"{folder}: {e}", shorter)
    return Check(name, Mark.OK, f"{folder}, for you alone")


def _engines() -> tuple[Check, bool]:
    """The engines of this user, and whether there is one."""
    name = "engine"
    sockets = sorted(settings.runtime_folder().glob("engine-*.sock"))
    found = [said for said in map(_ask_engine, sockets) if said is not None]
    if not found:
        return Check(name, Mark.OK, "not running; the first editor starts it"), False
    bad = any("refused" in said for said in found)
    advice = "the reason stands in your editor's log, and in: slmcode complete FILE:LINE:COL"
    mark = Mark.FAIL if bad else Mark.OK
    return Check(name, mark, "; ".join(found), advice if bad else ""), True


def _ask_engine(path: Path) -> str | None:
    """What the engine at a socket says of itself; None if nobody answers there."""
    from slmcode.engine import wire

    async def ask() -> str | None:
        reader, writer = await wire.connect(path)
        try:
            greeting, status = await wire.read(reader), await wire.read(reader)
        finally:
            writer.close()
        if not isinstance(greeting, wire.Hello) or not isinstance(status, wire.Status):
            return None
        memory = _resident_mb(greeting.pid)
        resident = f", {memory:,.0f} MB resident" if memory else ""
        said = f" ({status.status.message})" if status.status.message else ""
        return f"pid {greeting.pid} {status.status.state}{said}{resident}"

    try:
        return asyncio.run(asyncio.wait_for(ask(), 2.0))
    except (OSError, TimeoutError, wire.BadMessage):
        return None


def _memory(config: Config, path: Path, running: bool) -> Check:
    name = "memory"
    needed = path.stat().st_size / 1e6 + config.memory_mb + _ENGINE_MB
    free = _free_mb()
    says = f"the engine takes up to {needed:,.0f} MB"
    if free is None:
        return Check(name, Mark.OK, f"{says}; this system does not say what is free")
    says += f"; {free:,.0f} MB are free" + (" beside it" if running else "")
    if not running and free < needed:
        advice = 'close something, or lower "memory_mb" in the settings'
        return Check(name, Mark.FAIL if free < needed / 2 else Mark.WARN, says, advice)
    return Check(name, Mark.OK, says)


# What the system says


def _probe() -> tuple[dict[str, Any], str]:
    """What the engine's process found, and why it stopped if it did."""
    lines, crash = _run(["-P", "-m", "slmcode.engine.probe"])
    found: dict[str, Any] = {}
    for line in lines:
        found |= line
    return found, crash


def _run(arguments: list[str]) -> tuple[list[dict[str, Any]], str]:
    """JSON lines that another Python prints, and in a few words why it failed, "" if it did not."""
    try:
        done = subprocess.run(
            [sys.executable, *arguments], capture_output=True, text=True, timeout=_PROBE_S
        )
    except subprocess.TimeoutExpired:
        return [], f"no answer within {_PROBE_S:.0f} s"
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode == 0:
        return lines, ""
    if done.returncode < 0:
        with contextlib.suppress(ValueError):
            return lines, f"it crashed ({signal.Signals(-done.returncode).name})"
    said = done.stderr.strip().splitlines()
    return lines, said[-1] if said else f"it ended with code {done.returncode}"


def _usable_processors() -> set[int]:
    if sys.platform == "linux":
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def _physical_cores(usable: set[int]) -> int:
    """Cores behind the usable processors; 0 where the system does not say."""
    cores = set()
    for processor in usable:
        folder = Path(f"/sys/devices/system/cpu/cpu{processor}/topology")
        try:
            cores.add(
                (
                    (folder / "physical_package_id").read_text(),
                    (folder / "core_id").read_text(),
                )
            )
        except OSError:
            return 0
    return len(cores)


def _cpu_flags() -> set[str]:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return set()
    found = re.search(r"^(?:flags|Features)\s*:(.*)$", text, re.MULTILINE)
    return set(found[1].split()) if found else set()


def _free_mb() -> float | None:
    """Memory a new process can have: what the system has, within the container's limit."""
    try:
        text = Path("/proc/meminfo").read_text()
    except OSError:
        return None
    found = re.search(r"^MemAvailable:\s*(\d+) kB", text, re.MULTILINE)
    free = int(found[1]) * 1024 / 1e6 if found else None
    with contextlib.suppress(OSError, ValueError):
        group = Path("/sys/fs/cgroup")
        limit = int((group / "memory.max").read_text())  # "max" where there is none
        left = (limit - int((group / "memory.current").read_text())) / 1e6
        free = left if free is None else min(free, left)
    return free


def _resident_mb(pid: int) -> float:
    with contextlib.suppress(OSError, IndexError, ValueError):
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    return 0.0


_STYLES = {Mark.OK: "green", Mark.WARN: "yellow", Mark.FAIL: "bold red"}


def _show(checks: list[Check]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for check in checks:
        says = Text(check.says)
        if check.advice:
            says.append(f"\n→ {check.advice}", style=_STYLES[check.mark])
        table.add_row(Text(check.mark, style=_STYLES[check.mark]), check.name, says)
    console = Console(highlight=False)
    console.print(table)
    counts = {mark: sum(c.mark is mark for c in checks) for mark in Mark}
    if counts[Mark.FAIL]:
        n = counts[Mark.FAIL]
        console.print(f"\n{n} {'check' if n == 1 else 'checks'} failed.", style="bold red")
    elif counts[Mark.WARN]:
        console.print("\nslmcode works here; see the warnings.", style="yellow")
    else:
        console.print("\nAll is well.", style="green")
