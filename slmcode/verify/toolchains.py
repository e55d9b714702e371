"""Compilers and interpreters of the languages translated from and to: found, tried, used.

Compilers are run in the sandbox as programs are: a source may name any file to be included.
"""

from __future__ import annotations

import asyncio
import base64
import compileall
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from slmcode.verify.programs import Input, Runnable, drive, run_all
from slmcode.verify.sandbox import Limits, SandboxRefused
from slmcode.verify.which import which

_VERSION_S = 20.0  # a Java that starts from a cold disk
_BUILD = Limits(wall_s=120.0, cpu_s=240, output_kb=200_000, disk_mb=1024)
_SHOWN = 2000  # characters of a compiler's messages
_TRACERS = Path(__file__).with_name("tracers")


class Toolchain(msgspec.Struct, frozen=True):
    """What builds and runs programs of a language on this machine."""

    language: str
    name: str  # "GnuCOBOL"
    version: str  # "3.1.2.0"
    path: Path  # of the compiler or the interpreter

    @property
    def label(self) -> str:
        return f"{self.name} {self.version}"


class Missing(msgspec.Struct, frozen=True):
    """There is none that works: half a sentence why, and what to do."""

    language: str
    reason: str
    install: str


class BuildFailed(Exception):
    """The program does not compile; the text is what the compiler said."""


class _Built(NamedTuple):
    """How a language is built: commands for the compiler, then what runs it."""

    commands: list[list[str]]
    run: tuple[str, ...]
    measures: str = ""
    checked: tuple[tuple[str, ...], ...] = ()
    env: Mapping[str, str] = {}


class _Known(NamedTuple):
    name: str
    programs: tuple[str, ...]  # the first that works
    version_options: tuple[str, ...]
    version: str  # a pattern with one group
    install: str
    file: str  # of the tiny program
    tiny: str  # prints "6" for the line "5"
    build: Callable[[Toolchain, Sequence[str], Sequence[str], bool], _Built]
    needs: str = ""  # a second program


def find(language: str) -> Toolchain | Missing:
    """The toolchain by PATH; starts it once for its version. ValueError: no such language."""
    known = _KNOWN.get(language)
    if known is None:
        raise ValueError(f"no toolchain is known for {language}")
    said = ""
    for path in _candidates(language, known):
        try:
            done = subprocess.run(
                [path, *known.version_options],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_VERSION_S,
            )
        except (OSError, subprocess.TimeoutExpired) as e:
            said = f"{path} does not start: {e}"
            continue
        text = (done.stdout + done.stderr).decode("utf-8", "replace")
        version = re.search(known.version, text)
        if done.returncode == 0 and version:
            if known.needs and which(known.needs) is None:
                return Missing(language, f"{known.needs} is not there", known.install)
            return Toolchain(language, known.name, version[1], Path(path))
        said = said or f"{path} is not the version that is needed"
    return Missing(language, said or f"{known.programs[0]} is not there", known.install)


def _candidates(language: str, known: _Known) -> list[str]:
    if language == "python":
        return [sys.executable]
    found = [path for path in map(which, known.programs) if path]
    if language == "python2":  # pyenv's own program on PATH starts only what its settings name
        root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
        found += map(str, sorted(root.glob("versions/2.7*/bin/python2.7")))
    return found


_tried: dict[Toolchain, Missing | None] = {}


async def preflight(toolchain: Toolchain) -> Missing | None:
    """None if a tiny program of ours is built, run in the sandbox and prints what it should.

    Remembered for the life of the process.
    """
    if toolchain not in _tried:
        _tried[toolchain] = await _preflight(toolchain)
    return _tried[toolchain]


async def _preflight(toolchain: Toolchain) -> Missing | None:
    known = _KNOWN[toolchain.language]
    try:
        with tempfile.TemporaryDirectory(prefix="slmcode-") as folder:
            sources = {known.file: known.tiny.encode()}
            flags = ("-free",) if toolchain.language == "cobol" else ()
            program = await build(toolchain, sources, Path(folder), flags=flags)
            (ran,) = await run_all(program, [Input(stdin=b"5\n")], cpu_s=10)
    except BuildFailed as e:
        said = str(e).strip().splitlines() or ["no message"]
        reason = f"it does not compile a program of three lines: {said[-1]}"
    except SandboxRefused as e:
        reason = f"the sandbox does not work: {e}"
    else:
        if ran.stdout.split() == [b"6"] and ran.exit_code == 0:
            return None
        said = ran.stderr.decode("utf-8", "replace").strip().splitlines() or ["no message"]
        stopped = f"stopped by {ran.stopped}" if ran.stopped else f"exit code {ran.exit_code}"
        reason = f"what it builds does not run ({stopped}): {said[-1]}"
    return Missing(toolchain.language, f"{toolchain.label}: {reason}", known.install)


async def build(
    toolchain: Toolchain,
    sources: Mapping[str, bytes],
    folder: Path,
    *,
    flags: Sequence[str] = (),
    packages: Sequence[Path] = (),
    measured: bool = False,
) -> Runnable:
    """Build a program from its files in the sandbox; what was built is put into `folder`.

    The first file is the main one; the others are copybooks, called programs, modules, headers
    beside it. `folder` is made; it must be empty or absent. `flags` go to the compiler,
    `packages` are folders of Python packages to lay beside a Python program (slmcode_runtime).
    `measured` builds it so that branches are counted, where that can be done: such a program is
    slower, and is what `inputs.generate` wants. COBOL without a flag for its format is tried as
    fixed, then as free. Raises BuildFailed, SandboxRefused.
    """
    await asyncio.to_thread(_lay, folder, sources, packages)
    names = tuple(sources)
    tries = [list(flags)]
    if toolchain.language == "cobol" and not any(f in ("-free", "-fixed", "-F") for f in flags):
        tries = [[*flags, "-fixed"], [*flags, "-free"]]
    failures = []
    for attempt in tries:
        how = _KNOWN[toolchain.language].build(toolchain, names, attempt, measured)
        answer = await _compile(folder, how)
        if answer["code"] == 0:
            await asyncio.to_thread(_keep, folder, answer["files"])
            return Runnable(
                language=toolchain.language,
                folder=folder,
                command=how.run,
                env=dict(how.env),
                measures=how.measures,
                checked=how.checked,
                warm=tuple(p.name for p in packages) if toolchain.language == "python" else None,
                sources=names,
            )
        failures.append(answer["said"])
    said = min(failures, key=lambda text: text.count("error"))
    raise BuildFailed(said.replace(f"{folder}/", "").strip()[:_SHOWN])


async def _compile(folder: Path, how: _Built) -> dict[str, Any]:
    if not how.commands:
        return {"code": 0, "files": {}}
    request = {"task": "build", "commands": how.commands, "env": dict(how.env)}
    answers, ran = await drive(folder, request, _BUILD)
    if answers:
        return answers[0]
    return {"code": 1, "said": f"the compiler was stopped ({ran.stopped})", "files": {}}


def _lay(folder: Path, sources: Mapping[str, bytes], packages: Sequence[Path]) -> None:
    for name, data in sources.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ValueError(f"{name} is not a name of a file in the folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    for package in packages:
        hidden = shutil.ignore_patterns("__pycache__")
        shutil.copytree(package, folder / package.name, ignore=hidden, dirs_exist_ok=True)
        # else every run would compile it anew: the sandbox writes no bytecode
        compileall.compile_dir(folder / package.name, quiet=2)


def _keep(folder: Path, files: Mapping[str, Any]) -> None:
    for name, file in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(file["data"]))
        path.chmod(file["mode"] | 0o600)


# How each language is built


def _cobol(chain: Toolchain, names: Sequence[str], flags: Sequence[str], measured: bool) -> _Built:
    modules = [n for n in names[1:] if Path(n).suffix.lower() in (".cob", ".cbl", ".cobol")]
    command = [str(chain.path), "-x", "-w", *flags]
    run, files = ("{folder}/program",), [names[0], *modules]
    plain = [*command, "-o", "program", *files]
    if not measured:
        return _Built([plain], run)
    checked = [*command, "-fec=bound", *files]
    lay = f"printf %s {base64.b64encode(_LENIENT).decode()} | base64 -d > slmcode_lenient.h"
    lenient = ["/usr/bin/env", f"COB_CFLAGS={_C_OF_COBOL} -include ./slmcode_lenient.h"]
    counts = ["/usr/bin/env", f"COB_CFLAGS={_C_OF_COBOL} --coverage", "COB_LDFLAGS=--coverage"]
    return _Built(
        [
            ["/usr/bin/env", f"COB_CFLAGS={_C_OF_COBOL}", *checked, "-o", "checked"],
            ["/bin/sh", "-c", lay],
            [*lenient, *checked, "-o", "lenient"],
            [*counts, *plain, "-save-temps"],
        ],
        run,
        "gcov",
        (("{folder}/checked",), ("{folder}/lenient",)),
    )


# Some programs write beyond what OCCURS DEPENDING ON says at that moment, within the table.
_LENIENT = b"""#include <stdio.h>
#include <stdlib.h>
#include <stddef.h>
#include <gmp.h>
#include <libcob.h>
#define cob_check_subscript(at, most, name, depending) \\
  ((depending) && (at) > 0 ? (void) 0 : cob_check_subscript (at, most, name, 0))
"""
_C_OF_COBOL = "-O0 -pipe -fsigned-char -Wno-unused -Wno-pointer-sign"


def _gcc(options: Sequence[str], checks: Sequence[str], libraries: Sequence[str] = ()) -> Any:
    def built(
        chain: Toolchain, names: Sequence[str], flags: Sequence[str], measured: bool
    ) -> _Built:
        files = [n for n in names if not n.lower().endswith((".h", ".inc"))]
        command = [str(chain.path), *options, *flags]
        run = ("{folder}/program",)
        plain = ["-o", "program", *files, *libraries]
        if not measured:
            return _Built([[*command, "-O1", *plain]], run)
        checked = [*command, *checks, "-o", "checked", *files, *libraries]
        counted = [*command, "-O0", "--coverage", *plain]
        return _Built([checked, counted], run, "gcov", (("{folder}/checked",),))

    return built


def _pascal(chain: Toolchain, names: Sequence[str], flags: Sequence[str], measured: bool) -> _Built:
    command = [str(chain.path), "-v0", "-ve", "-l-", *flags]
    plain, run = [*command, "-oprogram", names[0]], ("{folder}/program",)
    if not measured:
        return _Built([plain], run)
    checked = [*command, "-Cr", "-Co", "-ochecked", names[0]]
    return _Built([checked, plain], run, checked=(("{folder}/checked",),))


def _perl(chain: Toolchain, names: Sequence[str], flags: Sequence[str], measured: bool) -> _Built:
    main = "{folder}/" + names[0]
    path = str(chain.path)
    checked = [[path, "-I.", "-c", *flags, names[0]]]
    if measured:
        tracer = base64.b64encode((_TRACERS / "SlmcodeTrace.pm").read_bytes()).decode()
        lay = f"mkdir -p Devel && printf %s {tracer} | base64 -d > Devel/SlmcodeTrace.pm"
        run = (path, "-I{folder}", "-d:SlmcodeTrace", *flags, main)
        return _Built([["/bin/sh", "-c", lay], *checked], run, "trace")
    return _Built(checked, (path, "-I{folder}", *flags, main))


def _python2(
    chain: Toolchain, names: Sequence[str], flags: Sequence[str], measured: bool
) -> _Built:
    main, path = "{folder}/" + names[0], str(chain.path)
    checked = [[path, *flags, "-m", "py_compile", names[0]]]
    if measured:
        tracer = base64.b64encode((_TRACERS / "python2_trace.py").read_bytes()).decode()
        lay = f"printf %s {tracer} | base64 -d > slmcode_trace.py"
        run = (path, *flags, "{folder}/slmcode_trace.py", main)
        return _Built([["/bin/sh", "-c", lay], *checked], run, "trace")
    return _Built(checked, (path, *flags, main))


def _python(chain: Toolchain, names: Sequence[str], flags: Sequence[str], measured: bool) -> _Built:
    path, main = str(chain.path), names[0]
    code = "import sys; compile(open(sys.argv[1], 'rb').read(), sys.argv[1], 'exec')"
    run = (path, "{folder}/" + main)  # the driver's own Python becomes it
    return _Built([[path, "-I", "-S", "-c", code, main]], run)


def _java(chain: Toolchain, names: Sequence[str], flags: Sequence[str], measured: bool) -> _Built:
    java = str(chain.path.with_name("java"))
    run = (java, "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", "{folder}")
    main = Path(names[0]).stem
    return _Built([[str(chain.path), "-nowarn", *flags, *names]], (*run, main))


def _go(chain: Toolchain, names: Sequence[str], flags: Sequence[str], measured: bool) -> _Built:
    env = {"GO111MODULE": "off", "GOFLAGS": ""}
    return _Built(
        [[str(chain.path), "build", *flags, "-o", "program", *names]],
        ("{folder}/program",),
        env=env,
    )


def _rust(chain: Toolchain, names: Sequence[str], flags: Sequence[str], measured: bool) -> _Built:
    command = [str(chain.path), "--edition", "2021", "-C", "opt-level=1", "-A", "warnings"]
    return _Built([[*command, *flags, "-o", "program", names[0]]], ("{folder}/program",))


def _typescript(
    chain: Toolchain, names: Sequence[str], flags: Sequence[str], measured: bool
) -> _Built:
    """Node takes the types away by itself; types are checked only where tsc is."""
    commands = []
    tsc = which("tsc")
    if tsc is not None:
        check = ["--noEmit", "--target", "es2022", "--module", "nodenext", "--skipLibCheck"]
        commands = [[tsc, *check, *flags, names[0]]]
    options = ("--experimental-strip-types", "--no-warnings")
    return _Built(commands, (str(chain.path), *options, "{folder}/" + names[0]))


_PYTHON = "n = int(input())\nprint(n + 1)\n"
_KNOWN: dict[str, _Known] = {
    "cobol": _Known(
        name="GnuCOBOL",
        programs=("cobc",),
        version_options=("--version",),
        version=r"GnuCOBOL\)? (\d[\w.-]*)",
        install="apt-get install gnucobol3",
        file="tiny.cob",
        tiny=(
            "IDENTIFICATION DIVISION.\nPROGRAM-ID. TINY.\nDATA DIVISION.\n"
            "WORKING-STORAGE SECTION.\n01 N PIC 9(1).\nPROCEDURE DIVISION.\n"
            "ACCEPT N.\nADD 1 TO N.\nDISPLAY N.\nSTOP RUN.\n"
        ),
        build=_cobol,
    ),
    "fortran": _Known(
        name="GNU Fortran",
        programs=("gfortran",),
        version_options=("--version",),
        version=r"GNU Fortran .*?\) (\d[\w.]*)",
        install="apt-get install gfortran",
        file="tiny.f",
        tiny=("      PROGRAM TINY\n      READ(*,*) N\n      WRITE(*,'(I1)') N+1\n      END\n"),
        build=_gcc(["-std=legacy", "-w"], ["-fcheck=bounds"]),
    ),
    "pascal": _Known(
        name="Free Pascal",
        programs=("fpc",),
        version_options=("-iV",),
        version=r"(\d[\w.]*)",
        install="apt-get install fp-compiler",
        file="tiny.pas",
        tiny="program tiny;\nvar n: integer;\nbegin\n  readln(n);\n  writeln(n + 1);\nend.\n",
        build=_pascal,
    ),
    "perl": _Known(
        name="Perl",
        programs=("perl",),
        version_options=("-e", "print $^V"),
        version=r"v(\d[\w.]*)",
        install="apt-get install perl",
        file="tiny.pl",
        tiny="my $n = <STDIN>;\nprint $n + 1, qq(\\n);\n",
        build=_perl,
    ),
    "c": _Known(
        name="GCC",
        programs=("gcc",),
        version_options=("--version",),
        version=r"gcc .*?\) (\d[\w.]*)",
        install="apt-get install gcc libc6-dev",
        file="tiny.c",
        tiny=(
            '#include <stdio.h>\nint main(void) { int n; if (scanf("%d", &n) == 1)'
            ' printf("%d\\n", n + 1); return 0; }\n'
        ),
        build=_gcc(
            ["-std=gnu17", "-w"], ["-fsanitize=undefined", "-fno-sanitize-recover=all"], ["-lm"]
        ),
    ),
    "python2": _Known(
        name="Python",
        programs=("python2.7", "python2"),
        version_options=("--version",),
        version=r"Python (2\.7[\w.]*)",
        install="install Python 2.7, such as with: pyenv install 2.7.18",
        file="tiny.py",
        tiny="n = input()\nprint n + 1\n",
        build=_python2,
    ),
    "python": _Known(
        name="Python",
        programs=("python3",),
        version_options=("--version",),
        version=r"Python (3[\w.]*)",
        install="install Python 3.11 or newer",
        file="tiny.py",
        tiny=_PYTHON,
        build=_python,
    ),
    "java": _Known(
        name="JDK",
        programs=("javac",),
        version_options=("-version",),
        version=r"javac (\d[\w.]*)",
        install="apt-get install default-jdk-headless",
        file="Tiny.java",
        tiny=(
            "public class Tiny { public static void main(String[] a) throws Exception {"
            " System.out.println(System.in.read() - 48 + 1); } }\n"
        ),
        build=_java,
        needs="java",
    ),
    "go": _Known(
        name="Go",
        programs=("go",),
        version_options=("version",),
        version=r"go(\d[\w.]*)",
        install="apt-get install golang-go",
        file="tiny.go",
        tiny=(
            'package main\n\nimport "fmt"\n\nfunc main() {\n\tvar n int\n\tfmt.Scan(&n)\n'
            "\tfmt.Println(n + 1)\n}\n"
        ),
        build=_go,
    ),
    "rust": _Known(
        name="Rust",
        programs=("rustc",),
        version_options=("--version",),
        version=r"rustc (\d[\w.]*)",
        install="apt-get install rustc, or rustup",
        file="tiny.rs",
        tiny=(
            "fn main() { let mut s = String::new(); std::io::stdin().read_line(&mut s).unwrap();"
            ' println!("{}", s.trim().parse::<i32>().unwrap() + 1); }\n'
        ),
        build=_rust,
    ),
    "typescript": _Known(
        name="Node",
        programs=("node",),
        version_options=("--version",),
        version=r"v((?:22\.(?:[6-9]|\d\d)|2[3-9]|[3-9]\d)[\d.]*)",
        install="install Node 22.6 or newer, and for type checks: npm install -g typescript",
        file="tiny.ts",
        tiny=(
            'const n: number = Number(require("fs").readFileSync(0, "utf8"));\n'
            "console.log(n + 1);\n"
        ),
        build=_typescript,
    ),
}
LANGUAGES = tuple(_KNOWN)
