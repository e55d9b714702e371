"""Install slmcode from this folder. Needs this Python and nothing else: no network, no compiler.

    python3 install.py [--into FOLDER] [--force]

Every file is compared with SHA256SUMS first; nothing is installed where one differs, is missing or
is not in the list. Then a Python environment is made, the packages go into it, the weights into
slmcode's models folder, and one line of code is completed to see that it works.
"""

# `slmcode bundle` puts this file into the archive as install.py. It runs where nothing else of
# slmcode is: the standard library only, and no syntax that an older Python cannot read, so that
# such a one gets a sentence.

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SUMS = "SHA256SUMS"
MARK = "slmcode-bundle.json"  # in an environment of ours
_BLOCK = 1 << 20  # bytes
_GIVEN_UP_S = 300  # for the one completion: weights from a slow disk
# The flags of an x86 processor that compilers make use of; others say how the system protects
# itself, and change with its version. Those of other processors all count.
_X86 = re.compile(
    r"(pni|ssse|sse|avx|amx|fma|f16c|bmi|adx|v?aes|v?pclmul|gfni|sha|popcnt|movbe|abm)"
)


class Trouble(Exception):
    """What stands in the way, in a sentence with what to do."""


def main() -> int:
    """See the module's docstring. Returns the exit code."""
    options = parse()
    try:
        facts = json.loads((HERE / "bundle.json").read_text(encoding="utf-8"))
        check_python(facts)
        check_files()
        check_processor(facts["cpu"])
        install(options.into, options.force, facts)
    except Trouble as e:
        say(f"slmcode was not installed: {e}")
        return 1
    except KeyboardInterrupt:
        say("interrupted; nothing was installed")
        return 130
    tell_next(options.into)
    return 0


def parse() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(
        description="Install slmcode from this folder, without a network.",
        epilog="Each file is compared with SHA256SUMS before anything is installed.",
    )
    parser.add_argument(
        "--into",
        type=lambda text: Path(text).expanduser().absolute(),
        default=data_folder() / "slmcode" / "server",
        metavar="FOLDER",
        help="where the Python environment is made; default: %(default)s",
    )
    parser.add_argument(
        "--force", action="store_true", help="replace the environment that is there"
    )
    return parser.parse_args()


def data_folder() -> Path:
    """Where this system keeps what belongs to a user's programs."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")


def check_python(facts: dict[str, Any]) -> None:
    """The wheels are for one Python and one system. Raises Trouble."""
    wanted = facts["python"]
    found = "{}.{}".format(*sys.version_info[:2])
    if found != wanted:
        raise Trouble(
            f"this is Python {found} and the bundle was made for {wanted};"
            f" run: python{wanted} install.py"
        )
    here = sysconfig.get_platform()
    if here != facts["platform"]:
        raise Trouble(
            f"this system is {here} and the bundle was made for {facts['platform']};"
            " make one on a machine like this"
        )


def check_files() -> None:
    """Compare the folder with its list of digests. Raises Trouble."""
    try:
        lines = (HERE / SUMS).read_text(encoding="utf-8").splitlines()
    except OSError:
        raise Trouble(f"{SUMS} is missing; unpack the archive again") from None
    listed = {}
    for line in lines:
        digest, _, name = line.partition("  ")
        listed[name] = digest
    there = {
        path.relative_to(HERE).as_posix()
        for path in HERE.rglob("*")
        if path.is_symlink() or not path.is_dir()
    } - {SUMS}
    if missing := sorted(listed.keys() - there):
        raise Trouble(f"{missing[0]} is missing; unpack the archive again")
    if strange := sorted(there - listed.keys()):
        raise Trouble(f"{strange[0]} is not in {SUMS}; unpack the archive into a folder of its own")
    total = sum((HERE / name).stat().st_size for name in listed)
    done = 0
    for name, digest in sorted(listed.items()):
        found, size = digest_of(HERE / name)
        if found != digest:
            raise Trouble(f"{name} is not what {SUMS} says; copy the archive again and compare it")
        done += size
        progress(f"checking {len(listed)} files: {100 * done // max(total, 1)} %", done == total)


def digest_of(path: Path) -> tuple[str, int]:
    """SHA-256 and size in bytes. Raises Trouble for what is no file of this folder's own."""
    if path.is_symlink():
        raise Trouble(f"{path.name} is a link; unpack the archive again")
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            size += len(block)
    return digest.hexdigest(), size


def check_processor(wanted: list[str]) -> None:
    """The engine was built for the processor of another machine. Raises Trouble."""
    here = set(processor_features())
    lacking = [flag for flag in wanted if flag not in here]
    if lacking:
        shown = ", ".join(lacking[:8]) + (" …" if len(lacking) > 8 else "")
        raise Trouble(
            f"this processor lacks what the engine was built with ({shown});"
            " make the bundle on a machine with a processor like this"
        )


def processor_features() -> list[str]:
    """What compilers make use of, as Linux names it; elsewhere nothing is known."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return []
    found = re.search(r"^(?:flags|Features)\s*:(.*)$", text, re.MULTILINE)
    flags = sorted(found[1].split()) if found else []
    if platform.machine() in ("x86_64", "AMD64", "i686"):
        return [flag for flag in flags if _X86.match(flag)]
    return flags


def install(into: Path, force: bool, facts: dict[str, Any]) -> None:
    """Make the environment; afterwards it works, or is as it was before. Raises Trouble."""
    before = None
    if into.exists() and any(into.iterdir() if into.is_dir() else [into]):
        if not force:
            raise Trouble(f"{into} is there already; --force replaces it, --into names another")
        if not (into / MARK).exists():
            raise Trouble(f"{into} was not made by a bundle and is not replaced; see --into")
        before = into.with_name(into.name + ".before")
        shutil.rmtree(before, ignore_errors=True)
        os.replace(into, before)
    try:
        fill(into, facts)
    except BaseException as e:
        shutil.rmtree(into, ignore_errors=True)
        if before is not None:
            os.replace(before, into)
        if isinstance(e, OSError):
            raise Trouble(f"{into}: {e.strerror or e}; --into names another folder") from e
        raise
    if before is not None:
        shutil.rmtree(before, ignore_errors=True)


def fill(into: Path, facts: dict[str, Any]) -> None:
    """Environment, packages, weights, and a first completion."""
    progress(f"making an environment in {into}", True)
    into.parent.mkdir(parents=True, exist_ok=True)
    # Without ensurepip, which Debian keeps in another package: pip is among the wheels.
    venv.EnvBuilder(with_pip=False, symlinks=os.name != "nt").create(into)
    programs = into / ("Scripts" if os.name == "nt" else "bin")
    python = programs / ("python.exe" if os.name == "nt" else "python")
    (pip,) = (HERE / "wheels").glob("pip-*.whl")
    packages = len(list((HERE / "wheels").glob("*.whl")))
    progress(f"installing {packages} packages", True)
    run(
        [
            *(str(python), str(pip / "pip"), "--isolated", "--disable-pip-version-check"),
            *("install", "--quiet", "--no-input", "--no-index", "--no-deps"),
            *("--only-binary", ":all:", "--find-links", str(HERE / "wheels"), "--require-hashes"),
            *("--requirement", str(HERE / "requirements.lock")),
        ],
        "the packages could not be installed",
    )
    slmcode = [str(python), "-m", "slmcode.cli"]
    models = ""
    for model in facts["weights"]:
        progress(f"putting the {model['role']} weights into the models folder", True)
        weights = str(HERE / "weights" / model["file"])
        command = [*slmcode, "models", "pull", model["role"], "--from", weights]
        path = run(command, "the weights could not be put into place")
        models = str(Path(path.strip()).parent)
    progress("completing a line", True)
    progress(f"  return {first_completion(slmcode, models)}", True)
    (into / MARK).write_text(json.dumps(facts), encoding="utf-8")


def first_completion(slmcode: list[str], models: str) -> str:
    """What the new server writes, with an engine of its own that leaves at once. Raises Trouble."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        sample, settings = Path(folder, "sample.py"), Path(folder, "config.toml")
        sample.write_text("def add(a, b):\n    return \n", encoding="utf-8")
        text = f"engine_idle_s = 1\nmodels_folder = {json.dumps(models)}\n"
        settings.write_text(text, encoding="utf-8")
        answer = run(
            [*slmcode, "complete", "--json", "--no-context", f"{sample}:2:12"],
            "the installed server cannot complete a line",
            SLMCODE_CONFIG=str(settings),
            SLMCODE_RUNTIME=str(Path(folder, "run")),
            SLMCODE_STATE=str(Path(folder, "state")),
        )
    found = json.loads(answer)
    if not found["text"]:
        raise Trouble(f"the installed server completes nothing ({found['reason']})")
    return str(found["text"])


def run(command: list[str], failed: str, **changed: str) -> str:
    """Run a program of the environment and return what it prints. Raises Trouble."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "PYTHON"))}
    env = {**kept, "PIP_CONFIG_FILE": os.devnull, "PYTHONNOUSERSITE": "1", **changed}
    try:
        ended = subprocess.run(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_GIVEN_UP_S,
            encoding="utf-8",
            errors="replace",
        )
    except subprocess.TimeoutExpired:
        raise Trouble(f"{failed}: no answer within {_GIVEN_UP_S} s") from None
    if ended.returncode < 0:
        raise Trouble(f"{failed}: ended by signal {-ended.returncode}")
    if ended.returncode:
        lines = [line for line in ended.stderr.splitlines() if line.strip()] or ["no message"]
        raise Trouble("{}: {}".format(failed, "\n  ".join(lines[-5:])))
    return ended.stdout


def progress(text: str, last: bool) -> None:
    """A line on stderr, written over on a terminal until its last state."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="\n" if last else "", file=sys.stderr, flush=True)
    elif last:
        say(text)


def say(text: str) -> None:
    """A line on stderr."""
    print(text, file=sys.stderr, flush=True)


def tell_next(into: Path) -> None:
    """What the user does now."""
    program = into / ("Scripts/slmcode.exe" if os.name == "nt" else "bin/slmcode")
    (vsix,) = (HERE / "editors").glob("*.vsix")
    packages = "~/.local/share/nvim/site/pack/slmcode/start"
    say("")
    say("Installed. In your editor:")
    say(f"  VS Code  code --install-extension {vsix}")
    say(f'           setting "slmcode.server.path": {json.dumps(str(program))}')
    say(f"  Neovim   mkdir -p {packages} && cp -R {HERE / 'editors/nvim'} {packages}/slmcode")
    say(f"           cmd = {{ '{program}', 'serve' }} in its setup")
    say(f"  others   the server is: {program} serve")
    print(program)


if __name__ == "__main__":
    sys.exit(main())
