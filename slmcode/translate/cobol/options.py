"""How a COBOL source is to be read: what cobc takes as flags."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of one translation; the defaults are cobc's, with the format found out."""

    format: str = "auto"  # auto | fixed | free | variable (fixed without an end at column 72)
    copybooks: Callable[[str], str | None] | None = None  # name as written -> text (Latin-1)
    copybook_folders: tuple[str, ...] = ()  # only to say where a missing one was looked for
    defines: Mapping[str, str] = field(default_factory=dict)  # cobc -D: name -> value, "" if bare
    define_constants: bool = False  # -fdefine-constant-directive=ok
    debugging_lines: bool = False  # -fdebugging-line
    std: str = "default"  # default | ibm | mf | cobol2014 …, as cobc's -std
    truncate: bool = True  # binary items are cut to their PICTURE; -fnotrunc: not
    odo_slide: bool = False  # -fodoslide: items behind an OCCURS DEPENDING move
    relaxed: bool = False  # -frelax-syntax-checks
    not_reserved: tuple[str, ...] = ()  # -fnot-reserved=WORD
    not_intrinsic: tuple[str, ...] = ()  # -fnot-intrinsic=NAME


def from_cobc(flags: tuple[str, ...], copybooks: Callable[[str], str | None] | None) -> Options:
    """The options that cobc's command line `flags` mean; one that says nothing here is ignored."""
    options = Options(copybooks=copybooks)
    for flag in flags:
        name, _, value = flag.partition("=")
        words = tuple(value.upper().split(","))
        if flag in SWITCHES:
            options = SWITCHES[flag](options)
        elif name == "-std":
            options = replace(options, std=value)
        elif name == "-fdefine-constant-directive":
            options = replace(options, define_constants=value != "unconformable")
        elif name == "-fnot-reserved":
            options = replace(options, not_reserved=options.not_reserved + words)
        elif name == "-fnot-intrinsic":
            options = replace(options, not_intrinsic=options.not_intrinsic + words)
        elif flag.startswith("-D") and len(flag) > 2:
            defined, _, value = flag[2:].partition("=")
            options = replace(options, defines={**options.defines, defined.upper(): value})
    return options


SWITCHES: dict[str, Callable[[Options], Options]] = {
    "-free": lambda options: replace(options, format="free"),
    "-F": lambda options: replace(options, format="free"),
    "-fixed": lambda options: replace(options, format="fixed"),
    "-fnotrunc": lambda options: replace(options, truncate=False),
    "-fno-binary-truncate": lambda options: replace(options, truncate=False),
    "-fodoslide": lambda options: replace(options, odo_slide=True),
    "-fdebugging-line": lambda options: replace(options, debugging_lines=True),
    "-frelax-syntax-checks": lambda options: replace(options, relaxed=True),
}
