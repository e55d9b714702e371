"""`slmcode bundle OUT.tar`: everything that installs slmcode where there is no network.

    slmcode-0.1.0-cp311-linux-x86_64/
        install.py           cli/bundle_install.py: checks all digests first, then installs
        README.txt, bundle.json
        requirements.lock    every wheel with its digest, ours and the engine's too
        wheels/              for this Python and system; the engine's for this processor
        weights/             as the catalogue knows them
        editors/             the VS Code extension and the Neovim plugin
        sbom/, licences/     what it is made of, and under which terms
        SHA256SUMS           last, because it is counted while the rest is written

The same inputs give the same bytes. OUT appears when it is whole; what ends early leaves nothing.
Exit codes: 0 done, 1 failed with one message, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import contextlib
import email.parser
import hashlib
import importlib.util
import io
import json
import lzma
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, BinaryIO, NamedTuple, cast

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

import slmcode
from slmcode import config as settings
from slmcode.cli import bundle_install
from slmcode.cli.ending import ended_as_interrupted
from slmcode.models import catalog, stamps, store
from slmcode.models.catalog import Model, ModelError

_MADE = 1_580_601_600  # s since 1970: 2020-02-02, as the wheels have it
_SLACK = 16 << 20  # bytes to leave free beside the archive
_INTERRUPTED = 130  # what a shell reports for a command ended by Ctrl-C
_LICENCE = re.compile(r"(?:^|/)(?:licen[cs]e|copying|notice|authors)[^/]*$|/licenses/.", re.I)
_README = """\
slmcode {version}, for Python {python} on {platform}

    python{python} install.py

needs no network, no compiler and no other rights than yours. It compares every file with SHA256SUMS
before it installs anything; `python{python} install.py --help` says where things go.

editors/ holds the VS Code extension and the Neovim plugin; the end of the installation says how to
put them in. licences/ and sbom/ say what this is made of.
"""


class BundleError(Exception):
    """No bundle could be made. The message says what to do."""


class Member(NamedTuple):
    """A file of the archive: its name below the archive's one folder, and what is in it."""

    name: str
    source: Path | bytes
    digest: str = ""  # what its SHA-256 has to be, where that is known

    @property
    def size(self) -> int:
        """In bytes."""
        return len(self.source) if isinstance(self.source, bytes) else self.source.stat().st_size

    def open(self) -> BinaryIO:
        """Its bytes from the beginning."""
        return io.BytesIO(self.source) if isinstance(self.source, bytes) else self.source.open("rb")


Told = Callable[[str, int, int], None]  # what is being done, how much, of how much


def bundle(
    out: Annotated[Path, typer.Argument(metavar="OUT.tar", help="The archive to be written.")],
    quality: Annotated[
        bool,
        typer.Option("--quality", help="Put the model that writes edits in too (1.1 GB more)."),
    ] = False,
    package: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="The folder that `make package` has made, with the plugins;"
            " default: dist/ of the checkout slmcode runs from.",
        ),
    ] = None,
    wheels: Annotated[
        list[Path] | None,
        typer.Option(
            "--wheels",
            metavar="DIR",
            help="Take the Python packages from this folder of wheels. May be given more than once."
            " Nothing is downloaded then.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace OUT.tar if it is there.")] = False,
) -> None:
    """Write an archive that installs slmcode, weights and plugins without a network.

    For machines of the same system, Python version and kind of processor as this one. Unpack it
    there and run its install.py. Weights are taken from this machine (`slmcode models pull fast`);
    Python packages are downloaded, their digests checked, and kept for the next bundle.
    """
    with _one_line_errors(), ended_as_interrupted(), _bars() as told:
        digest = write(out, package, wheels or [], told, quality=quality, force=force)
    typer.echo(f"{digest}  {out}")


def write(
    out: Path, package: Path | None, wheels: list[Path], told: Told, *, quality: bool, force: bool
) -> str:
    """Make the archive `out`; return its SHA-256. Raises BundleError, ModelError or OSError."""
    config, problems = settings.load()
    for problem in problems:
        typer.echo(f"slmcode: {problem}", err=True)
    if out.is_dir():
        raise BundleError(f"{out} is a folder; name a file in it")
    if out.exists() and not force:
        raise BundleError(f"{out} is there already; --force replaces it")
    if not out.absolute().parent.is_dir():
        raise BundleError(f"there is no folder {out.absolute().parent}")
    models = [catalog.find(role) for role in (("fast", "quality") if quality else ("fast",))]
    for model in models:
        store.check(store.path_of(model, config), model)
    package = package or _checkout() / "dist"
    vsix = _extension(package)
    with tempfile.TemporaryDirectory(prefix="slmcode-bundle-") as temporary:
        work = Path(temporary)
        server = _server_of(vsix, work)
        native = _native_wheel(server)
        gathered = _wheels(server, native, work, wheels, config.offline, told)
        facts = {
            "version": slmcode.__version__,
            "python": "{}.{}".format(*sys.version_info[:2]),
            "platform": sysconfig.get_platform(),
            "cpu": bundle_install.processor_features(),
            "weights": [{"role": model.role, "file": model.file} for model in models],
        }
        members = [
            Member("install.py", Path(bundle_install.__file__)),
            Member("README.txt", _README.format(**facts).encode()),
            Member("bundle.json", json.dumps(facts, indent=1).encode()),
            Member("requirements.lock", _lock(server, gathered).encode()),
            *(Member(f"wheels/{wheel.name}", wheel) for wheel in gathered),
            *_licences(gathered, models),
            *_plugins(package, vsix),
            *(
                Member(f"weights/{model.file}", store.path_of(model, config), model.sha256)
                for model in models
            ),
        ]
        tag = f"cp{sys.version_info[0]}{sys.version_info[1]}-{facts['platform']}"
        return _archive(out, f"slmcode-{slmcode.__version__}-{tag}", members, told, force)


def _checkout() -> Path:
    """The repository that slmcode runs from. Raises BundleError if it is installed."""
    root = Path(slmcode.__file__).parents[1]
    if not (root / "editors" / "package.sh").exists():
        raise BundleError(
            "the plugins are not here: run `make package` in slmcode's repository and name the"
            " folder it makes: slmcode bundle OUT.tar --package dist"
        )
    return root


def _extension(package: Path) -> Path:
    """The VS Code extension, of this version. Raises BundleError."""
    vsix = package / f"slmcode-{slmcode.__version__}.vsix"
    for wanted in (vsix, package / "nvim"):
        if not wanted.exists():
            raise BundleError(f"{wanted} is missing; run: make package")
    return vsix


def _server_of(vsix: Path, work: Path) -> Path:
    """The folder `server` of the extension, unpacked: our wheel, lock files, the library's build.

    What is installed by a bundle is what the extension would install itself.
    """
    folder = work / "server"
    folder.mkdir()
    try:
        with zipfile.ZipFile(vsix) as archive:
            for name in archive.namelist():
                if name.startswith("extension/server/") and not name.endswith("/"):
                    (folder / Path(name).name).write_bytes(archive.read(name))
        (packed,) = folder.glob("slmcode-*.whl.xz")
        (folder / packed.stem).write_bytes(lzma.decompress(packed.read_bytes()))
    except (zipfile.BadZipFile, lzma.LZMAError, ValueError) as e:
        raise BundleError(f"{vsix} is not slmcode's extension ({e}); run: make package") from e
    return folder


def _native_wheel(server: Path) -> Path:
    """The wheel of llama.cpp that was built for this processor. Raises BundleError."""
    spec = importlib.util.spec_from_file_location("native_wheel", server / "native_wheel.py")
    assert spec is not None
    assert spec.loader is not None
    builder = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(builder)
    folder: Path = builder.wheel_folder(server / "native.lock")
    found = sorted(folder.glob("*.whl"))
    if not found:
        raise BundleError(
            f"the engine's library built for this processor is not in {folder};"
            " run: make setup (or install the server in VS Code)"
        )
    return found[0]


def _wheels(
    server: Path, native: Path, work: Path, given: list[Path], offline: bool, told: Told
) -> list[Path]:
    """All wheels, in the order of their names. Raises BundleError if they cannot be had.

    Those of the last bundle are kept in the cache folder, so that the next one needs no network.
    """
    lock = server / "requirements.lock"
    kept = settings.cache_folder() / "wheels" / f"bundle-{sys.implementation.cache_tag}"
    arrived = work / "wheels"
    total = len(re.findall(r"^\S+==", lock.read_text(encoding="utf-8"), re.MULTILINE))

    def download(*options: str) -> str:
        """ "" or pip's last word."""
        arrived.mkdir(exist_ok=True)
        return _download(lock, arrived, options, lambda n: told("packages", n, total))

    folders = [folder for folder in (*given, kept) if folder.is_dir()]
    if lacking := [folder for folder in given if not folder.is_dir()]:
        raise BundleError(f"there is no folder {lacking[0]}")
    links = [option for folder in folders for option in ("--find-links", str(folder))]
    refused = download("--no-index", *links) if folders else "none are kept here"
    if refused and given:
        raise BundleError(f"--wheels: not all packages are there: {refused}")
    if refused and offline:
        raise BundleError(
            f'the Python packages are not downloaded: the setting "offline" forbids it ({refused}).'
            " A folder with their wheels can be named: slmcode bundle OUT.tar --wheels DIR"
        )
    if refused and (refused := download()):
        raise BundleError(
            f"the Python packages could not be downloaded: {refused}\n"
            "If you have a folder with their wheels, run: slmcode bundle OUT.tar --wheels DIR"
        )
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(arrived, kept)
    ours = next(server.glob("slmcode-*.whl"))
    return sorted([*arrived.glob("*.whl"), ours, native], key=lambda path: path.name)


def _download(
    lock: Path, folder: Path, options: tuple[str, ...], counted: Callable[[int], None]
) -> str:
    """Let pip put the wheels of `lock` into `folder`; "", or why it could not."""
    command = [
        sys.executable,
        "-P",
        "-m",
        "pip",
        "download",
        "--disable-pip-version-check",
        "--no-input",
    ]
    command += ["--no-deps", "--only-binary", ":all:", "--require-hashes", *options]
    command += ["--dest", str(folder), "--requirement", str(lock)]
    last, collected = "no message", 0
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    ) as pip:
        assert pip.stdout is not None
        try:
            for line in pip.stdout:
                if line.startswith("Collecting "):
                    collected += 1
                    counted(collected)
                elif line.strip():
                    last = line.strip().removeprefix("ERROR: ")
        except BaseException:
            pip.terminate()
            raise
    return "" if pip.returncode == 0 else last


def _lock(server: Path, wheels: list[Path]) -> str:
    """The extension's lock file, with our wheel and the engine's and their digests."""
    text = (server / "requirements.lock").read_text(encoding="utf-8")
    for wheel in wheels:
        name, version = wheel.name.split("-")[:2]
        if name in ("slmcode", "llama_cpp_python"):
            text += f"{name}=={version} \\\n    --hash=sha256:{stamps.sha256_of(wheel)}\n"
    return text


def _licences(wheels: list[Path], models: list[Model]) -> Iterator[Member]:
    """Every package's licence texts, and a list of all."""
    lines = []
    for wheel in wheels:
        name = wheel.name.split("-")[0]
        with zipfile.ZipFile(wheel) as archive:
            about = [file for file in archive.namelist() if ".dist-info/" in file]
            metadata = next(file for file in about if file.endswith(".dist-info/METADATA"))
            said = email.parser.BytesParser().parsebytes(archive.read(metadata))
            for file in sorted(about):
                inside = file.partition(".dist-info/")[2]
                if _LICENCE.search(inside) and not file.endswith("/"):
                    yield Member(f"licences/{name}/{inside}", archive.read(file))
        classified = [c for c in said.get_all("Classifier") or [] if c.startswith("License ::")]
        declared = (said["License-Expression"] or said["License"] or "").strip().partition("\n")[0]
        terms = (
            declared or "; ".join(c.rpartition(" :: ")[2] for c in classified) or "see its files"
        )
        lines.append(f"{name} {said['Version']}: {terms}\n")
    for model in models:
        lines.append(f"{model.name} (weights, {model.repository}): {model.licence}\n")
    yield Member("licences/LIST.txt", "".join(lines).encode())


def _plugins(package: Path, vsix: Path) -> Iterator[Member]:
    """Both plugins, and the bills of materials beside them."""
    yield Member(f"editors/{vsix.name}", vsix)
    for path in sorted((package / "nvim").rglob("*")):
        if path.is_file():
            yield Member(f"editors/nvim/{path.relative_to(package / 'nvim').as_posix()}", path)
    for path in sorted(package.glob("*.cdx.json")):
        yield Member(f"sbom/{path.name}", path)


def _archive(out: Path, top: str, members: list[Member], told: Told, force: bool) -> str:
    """Write the archive beside `out` and give it its name when it is whole; its SHA-256."""
    total = sum(member.size for member in members)
    folder = out.absolute().parent
    free = shutil.disk_usage(folder).free
    if free < total + _SLACK:
        raise BundleError(
            f"not enough space in {folder}: {total / 1e6:,.0f} MB needed, {free / 1e6:,.0f} MB free"
        )
    handle, name = tempfile.mkstemp(prefix=f".{out.name}.", dir=folder)
    unfinished = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            whole = _Hashing(file)
            with tarfile.open(
                fileobj=cast(BinaryIO, whole), mode="w|", format=tarfile.PAX_FORMAT
            ) as tar:
                sums, past = "", 0
                for member in members:
                    with member.open() as opened:
                        source = _Hashing(opened, partial(_add, told, past, total))
                        header = _header(f"{top}/{member.name}", member.size)
                        tar.addfile(header, cast(BinaryIO, source))
                    digest = source.sha256.hexdigest()
                    if member.digest not in ("", digest):
                        raise BundleError(f"{member.name} changed while it was read; try again")
                    sums += f"{digest}  {member.name}\n"
                    past += member.size
                listed = sums.encode()
                tar.addfile(_header(f"{top}/SHA256SUMS", len(listed)), io.BytesIO(listed))
            file.flush()
            os.fsync(file.fileno())
        if out.exists() and not force:
            raise BundleError(f"{out} has appeared meanwhile; --force replaces it")
        unfinished.chmod(0o644)
        os.replace(unfinished, out)
    finally:
        unfinished.unlink(missing_ok=True)
    return whole.sha256.hexdigest()


def _add(told: Told, past: int, total: int, done: int) -> None:
    """Bytes of this member beside those of the ones before."""
    told("writing", past + done, total)


def _header(name: str, size: int) -> tarfile.TarInfo:
    """The same for everybody who packs the same file."""
    header = tarfile.TarInfo(name)
    header.size, header.mtime, header.mode = size, _MADE, 0o644
    return header


class _Hashing:
    """A binary file that is read or written through a digest."""

    def __init__(self, file: BinaryIO, told: Callable[[int], None] | None = None) -> None:
        self.sha256 = hashlib.sha256()
        self._file = file
        self._told = told
        self._done = 0

    def read(self, size: int) -> bytes:
        block = self._file.read(size)
        self.sha256.update(block)
        self._done += len(block)
        if self._told is not None:
            self._told(self._done)
        return block

    def write(self, block: bytes) -> int:
        self.sha256.update(block)
        return self._file.write(block)


@contextlib.contextmanager
def _one_line_errors() -> Iterator[None]:
    """What went wrong as a message and an exit code, without a stack."""
    try:
        yield
    except (BundleError, ModelError) as e:
        typer.echo(f"slmcode: {e}", err=True)
        raise typer.Exit(1) from None
    except OSError as e:
        where = f"{e.filename}: " if e.filename else ""
        typer.echo(f"slmcode: {where}{e.strerror or e}", err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        typer.echo("slmcode: interrupted; no archive was written", err=True)
        raise typer.Exit(_INTERRUPTED) from None


@contextlib.contextmanager
def _bars() -> Iterator[Told]:
    """A bar on stderr for each step; a line where that is no terminal."""
    columns = (TextColumn("{task.description:10}"), BarColumn(), TimeRemainingColumn())
    silent = not sys.stderr.isatty()
    with Progress(*columns, console=Console(stderr=True), disable=silent) as bar:
        tasks: dict[str, TaskID] = {}

        def told(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
                if silent:
                    typer.echo(what, err=True)
            bar.update(tasks[what], completed=done)

        yield told
