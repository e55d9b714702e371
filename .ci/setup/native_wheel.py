"""Build llama-cpp-python for this CPU once, keep the wheel, install it into the environment.

    python .ci/setup/native_wheel.py REQUIREMENT

REQUIREMENT is a file with that package's lines of requirements.lock: pip checks the hash of the
sources. The wheel stays in the user's cache folder under a key of sources, build options and CPU
features. pip's own wheel cache knows only the sources, and a library built for the
instructions of another CPU (a shared home folder, a restored CI cache) ends the process.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from slmcode.config import cache_folder

_HOOK = Path(__file__).with_name("llama.cmake")
_OPTIONS = ("-DLLAVA_BUILD=OFF", "-DGGML_NATIVE=ON")
_STEP = re.compile(r"\[(\d+)/(\d+)\]")  # ninja's progress
_LINES_SHOWN = 40  # of the build's output when it fails


def cpu_features() -> str:
    """What the compiler's "native" depends on, in words: the CPU's flags, or its name."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor()
    found = re.search(r"^(?:flags|Features)\s*:(.*)$", text, re.MULTILINE)
    return " ".join(sorted(found[1].split())) if found else platform.processor()


def wheel_folder(requirement: Path) -> Path:
    """Where the wheel for these sources, options and this CPU is kept. May not exist."""
    parts = (
        requirement.read_text(encoding="utf-8"),
        _HOOK.read_text(encoding="utf-8"),
        *_OPTIONS,
        platform.system(),
        platform.machine(),
        cpu_features(),
    )
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
    return cache_folder() / "wheels" / key


def build(requirement: Path, folder: Path) -> None:
    """Build the wheel; afterwards `folder` holds it. Ends the program if the build fails.

    Broken off, it takes the compilers down with it and leaves nothing behind.
    """
    print("Building the native library for this CPU: 3 to 5 minutes on two cores, once.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=folder.parent) as unfinished:
        lines, failed = run_pip(requirement, unfinished, started)
        if failed:
            sys.stderr.writelines(lines[-_LINES_SHOWN:])
            sys.exit("The native library could not be built; the end of the output is above.")
        folder.mkdir(exist_ok=True)
        for wheel in Path(unfinished).glob("*.whl"):
            wheel.rename(folder / wheel.name)
    print(f"Built in {time.monotonic() - started:.0f} s.")


def run_pip(requirement: Path, wheel_folder: str, started: float) -> tuple[list[str], bool]:
    """Let pip build the wheel, showing how far it is; its output, and whether it failed."""
    command = [sys.executable, "-m", "pip", "wheel", "--verbose", "--no-cache-dir"]
    command += ["--require-hashes", "--no-deps", "--no-build-isolation"]
    command += ["--wheel-dir", wheel_folder, "--requirement", str(requirement)]
    hook = f"'-DCMAKE_PROJECT_llama.cpp_INCLUDE={_HOOK.resolve()}'"
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
    lines: list[str] = []
    shown = -1
    with subprocess.Popen(
        command,
        env={**os.environ, "CMAKE_ARGS": " ".join((*_OPTIONS, hook)), "PATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                lines.append(line)
                step = _STEP.search(line)
                if step:
                    seconds = time.monotonic() - started
                    shown = show_progress(int(step[1]), int(step[2]), shown, seconds)
        except BaseException:
            os.killpg(process.pid, signal.SIGTERM)
            raise
    return lines, process.returncode != 0


def show_progress(done: int, total: int, shown: int, seconds: float) -> int:
    """Print the share done, in place on a terminal, else every tenth. Return what was shown."""
    percent = 100 * done // total
    text = f"  {percent:3d} %  {done} of {total} files, {seconds:.0f} s"
    if sys.stdout.isatty():
        print(f"\r{text}", end="\n" if done == total else "", flush=True)
        return percent
    if percent // 10 > shown // 10:
        print(text, flush=True)
    return percent


def main() -> None:
    """See the module's docstring."""
    requirement = Path(sys.argv[1])
    folder = wheel_folder(requirement)
    if not list(folder.glob("*.whl")):
        build(requirement, folder)
    wheel = next(folder.glob("*.whl"))
    command = [sys.executable, "-m", "pip", "install", "-qq", "--no-index", "--no-deps"]
    subprocess.run([*command, "--force-reinstall", str(wheel)], check=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
