"""What a file defines and what it imports, by `grammars/<grammar>/symbols.scm`.

A query names things as tree-sitter's own tags do: the node of a definition is captured as
`@definition.<kind>` and its name as `@name`; an import as `@import` with `@import.module` and any
number of `@import.name` and `@import.alias`. What a definition's signature and doc comment are is
the same for all languages and stands here.
"""

from __future__ import annotations

import msgspec

from slmcode.syntax.parser import Tree

MAX_SIGNATURE = 200  # characters
MAX_DOC = 120


class Definition(msgspec.Struct, frozen=True, array_like=True):
    """One definition. Offsets are code points of the text the tree was made for.

    `kind` is one of class, interface, struct, enum, type, function, method, field, constant,
    variable, macro, module, paragraph. `scope` holds the names of the enclosing definitions,
    outermost first, joined by dots; "" at the top. `signature` is the header without the body on
    one line. `doc` is the first line of its comment or docstring, "" without one.
    """

    name: str
    kind: str
    scope: str
    signature: str
    doc: str
    start: int
    end: int
    line: int  # from 0
    end_line: int  # the last line, inclusive


class Import(msgspec.Struct, frozen=True, array_like=True):
    """One import statement. `module` is spelled as in the source, dots and quotes as the language
    has them, quotes removed ("..pkg.mod", "./util", "net/http", "crate::a::b", "util.h").

    `names` are what it brings in, as (name there, name here); empty where it is the module itself.
    `alias` is the name of the module here, "" where the language's default holds.
    """

    module: str
    names: tuple[tuple[str, str], ...]
    alias: str
    line: int


class Outline(msgspec.Struct, frozen=True, array_like=True):
    """Definitions and imports of one file, in the order of the source."""

    definitions: tuple[Definition, ...]
    imports: tuple[Import, ...]


def outline(tree: Tree, text: str) -> Outline:
    """What `text`, of which `tree` was made, defines and imports. Empty without a query."""
    raise NotImplementedError
