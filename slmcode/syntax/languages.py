"""What we know of each language before parsing: grammar, file names, comment marker, block style.

A language without a row is still completed, by lines and indentation alone. Queries stand in
`grammars/<grammar>/`, shipped as package data.
"""

from __future__ import annotations

import re
import zlib
from functools import cache
from importlib import resources
from importlib.metadata import version
from pathlib import Path, PurePath
from typing import Literal

import msgspec

from slmcode import __version__

Blocks = Literal["braces", "indent", "keywords"]


class Language(msgspec.Struct, frozen=True):
    """One LSP language identifier. `grammar` is "" where we do not parse it.

    `comment` begins a comment that ends with the line. `blocks` says how a block begins: with
    `{`, with a colon and deeper lines, or with a word such as `do` or `begin`.
    """

    language_id: str
    grammar: str
    comment: str
    blocks: Blocks
    extensions: tuple[str, ...]


# COBOL and fixed-form Fortran are rewritten before they are parsed: `syntax/legacy.py`.
_ROWS = (
    Language("python", "python", "#", "indent", (".py", ".pyi", ".pyw")),
    Language("typescript", "typescript", "//", "braces", (".ts", ".mts", ".cts")),
    Language("typescriptreact", "tsx", "//", "braces", (".tsx",)),
    Language("javascript", "javascript", "//", "braces", (".js", ".mjs", ".cjs")),
    Language("javascriptreact", "javascript", "//", "braces", (".jsx",)),
    Language("java", "java", "//", "braces", (".java",)),
    Language("go", "go", "//", "braces", (".go",)),
    Language("rust", "rust", "//", "braces", (".rs",)),
    Language("c", "c", "//", "braces", (".c", ".h")),
    Language("cpp", "cpp", "//", "braces", (".cpp", ".cc", ".cxx", ".hpp", ".hh", ".hxx")),
    Language("csharp", "csharp", "//", "braces", (".cs",)),
    Language("ruby", "ruby", "#", "keywords", (".rb", ".rake")),
    Language("php", "php", "//", "braces", (".php",)),
    Language("kotlin", "kotlin", "//", "braces", (".kt", ".kts")),
    Language("lua", "lua", "--", "keywords", (".lua",)),
    Language("shellscript", "bash", "#", "keywords", (".sh", ".bash")),
    Language("perl", "perl", "#", "braces", (".pl", ".pm", ".t")),
    Language("pascal", "pascal", "//", "keywords", (".pas", ".pp", ".dpr", ".lpr")),
    Language("fortran-modern", "fortran", "!", "keywords", (".f90", ".f95", ".f03", ".f08")),
    Language("FortranFreeForm", "fortran", "!", "keywords", ()),
    Language("fortran", "fortran", "!", "keywords", (".f", ".for", ".f77", ".ftn")),
    Language("cobol", "cobol", "*>", "keywords", (".cob", ".cbl", ".cpy", ".cobol")),
    Language("swift", "swift", "//", "braces", (".swift",)),
    Language("scala", "scala", "//", "braces", (".scala",)),
    Language("dart", "dart", "//", "braces", (".dart",)),
    Language("css", "css", "", "braces", (".css",)),
    Language("json", "json", "", "braces", (".json",)),
    Language("yaml", "yaml", "#", "indent", (".yaml", ".yml")),
    Language("toml", "toml", "#", "indent", (".toml",)),
    Language("sql", "sql", "--", "keywords", (".sql",)),
)
# Other names of a language: Vim's and Neovim's file types, and what extensions of VS Code made up.
ALIASES = {
    "cs": "csharp",
    "sh": "shellscript",
    "bash": "shellscript",
    "ksh": "shellscript",
    "zsh": "shellscript",
    "tsx": "typescriptreact",
    "typescript.tsx": "typescriptreact",
    "jsx": "javascriptreact",
    "javascript.jsx": "javascriptreact",
    "FortranFixedForm": "fortran",
    "COBOL": "cobol",
    "delphi": "pascal",
    "objectpascal": "pascal",
    "jsonc": "json",
    "mysql": "sql",
    "plsql": "sql",
}
_BY_ID = {row.language_id: row for row in _ROWS}
_BY_ID |= {alias: _BY_ID[name] for alias, name in ALIASES.items()}
_BY_EXTENSION = {extension: row for row in _ROWS for extension in row.extensions}


def language(language_id: str) -> Language | None:
    """What we know of an LSP language identifier."""
    return _BY_ID.get(language_id)


def canonical(language_id: str) -> str:
    """The LSP language identifier for what an editor calls a language; unknown ones as they are."""
    return ALIASES.get(language_id, language_id)


def all_rows() -> tuple[Language, ...]:
    """Every language there is a row for, aliases left out."""
    return _ROWS


def language_of_path(path: PurePath | str) -> str:
    """The LSP language identifier for a file, by its extension; "" where unknown."""
    row = _BY_EXTENSION.get(PurePath(path).suffix.lower())
    return row.language_id if row else ""


def comment_marker(language_id: str) -> str:
    """What begins a comment to the end of the line; "" where there is none or it is unknown."""
    row = _BY_ID.get(language_id)
    return row.comment if row else ""


def block_style(language_id: str) -> Blocks:
    """How blocks are written; "braces", the most common, where unknown."""
    row = _BY_ID.get(language_id)
    return row.blocks if row else "braces"


def grammars_folder() -> Path:
    """`grammars/`: package data of an installed wheel, else the checkout's own folder."""
    installed = Path(str(resources.files("slmcode"))) / "grammars"
    return installed if installed.is_dir() else installed.parent.parent / "grammars"


@cache
def fingerprint() -> int:
    """Changes with what files are said to define: queries, grammars, this program. 32 bits."""
    packages = f"{__version__} {version('tree-sitter-language-pack')}".encode()
    queries = sorted(grammars_folder().glob("*/*.scm"))
    return zlib.crc32(packages + b"".join(path.read_bytes() for path in queries))


_INHERITS = re.compile(r"; inherits: (\w+)\n")


@cache
def query_text(grammar: str, name: str) -> str | None:
    """The query `name` ("scopes", "symbols") of a grammar, or None where there is none.

    A first line `; inherits: typescript` puts the other grammar's query in front, as in Neovim.
    """
    try:
        text = (grammars_folder() / grammar / f"{name}.scm").read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    inherited = _INHERITS.match(text)
    return text if inherited is None else (query_text(inherited[1], name) or "") + text
