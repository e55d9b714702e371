"""How languages write names: what binds one, what is always there, what a class is made from.

Read from a line or two without a parser, as half-written code is.
"""

from __future__ import annotations

import builtins
import enum
import keyword
import re
from collections.abc import Iterator

from slmcode.index.rows import Symbol

PYTHON = frozenset({"python"})
SCRIPT = frozenset({"typescript", "typescriptreact", "javascript", "javascriptreact"})
BY_FOLDER = frozenset({"go"})  # a package is a folder
SELF = {
    "python": ("self", "cls"),
    "java": ("this",),
    "csharp": ("this",),
    "cpp": ("this",),
    "rust": ("self",),
} | dict.fromkeys(SCRIPT, ("this",))


def masked(text: str, language_id: str) -> str:
    """`text` with blanks for strings and comments; of the same length."""
    pattern = _HASH_TEXT if language_id in PYTHON else _SLASH_TEXT
    return pattern.sub(lambda m: _NOT_NEWLINE.sub(" ", m[0]), text)


_NOT_NEWLINE = re.compile(r"[^\n]")
_HASH_TEXT = re.compile(
    r"""(?:\b[rbfuRBFU]{1,2})?(?:\"{3}.*?(?:\"{3}|\Z)|'{3}.*?(?:'{3}|\Z)"""
    r"""|"(?:\\.|[^"\\\n])*(?:"|$)|'(?:\\.|[^'\\\n])*(?:'|$))|\#[^\n]*""",
    re.DOTALL | re.MULTILINE,
)
_SLASH_TEXT = re.compile(
    r"""//[^\n]*|/\*.*?(?:\*/|\Z)|`(?:\\.|[^`\\])*(?:`|\Z)"""
    r"""|"(?:\\.|[^"\\\n])*(?:"|$)|'(?:\\.|[^'\\\n])*(?:'|$)"""
    r"""|(?<=[(,=:])\s*/(?![*/])(?:\\.|[^/\\\n])+/\w*""",
    re.DOTALL | re.MULTILINE,
)


def bound_names(code: str, language_id: str) -> Iterator[str]:
    """Names that `code` itself binds, or may bind."""
    for found in _BINDERS[language_id].finditer(code):
        for group in found.groups():
            if group:
                yield from _NAME.findall(group)


def is_called(code: str, end: int) -> bool:
    return code[end : end + 20].lstrip()[:1] == "("


def line_has_ended(code: str, start: int, end: int) -> bool:
    """Whether the line that holds a name is over, and all brackets that are open around it."""
    depth = 0
    for at, char in enumerate(code):
        if char in "([{" and not (char == "{" and at < start and code[at + 1 : at + 2] == "\n"):
            depth += 1
        elif char in ")]}":
            depth = max(0, depth - 1)
        elif char == "\n" and at >= end and not depth:
            return True
    return False


def last_part(module: str) -> str:
    return module.rpartition(".")[2]


def default_name(module: str, language_id: str) -> str:
    """What a module that is imported as a whole is called; "" where that says nothing."""
    if language_id in PYTHON:
        return "" if "." in module else module
    if language_id in BY_FOLDER:
        *_, before, last = ["", *module.split("/")]
        return before if re.fullmatch(r"v\d+", last) else last
    return ""


def bases(symbol: Symbol, language_id: str) -> list[str] | None:
    """What a class is made from, by its header; None where it cannot be told."""
    header = symbol.signature
    if len(header) >= _CUT_SIGNATURE:
        return None
    if language_id in PYTHON:
        found = re.fullmatch(r"class\s+\w+\s*(?:\[.*?\])?\s*(?:\((.*)\))?:?", header)
        if found is None:
            return None
        listed = _without_arguments(found[1] or "", "[", "]")
        if "=" in listed or "(" in listed:
            return None
    elif language_id in SCRIPT or language_id == "java":
        plain = _without_arguments(header, "<", ">")
        if "(" in plain and "record" not in plain:
            return None
        parts = re.findall(r"\bextends\s+(.*?)(?=\bimplements\b|$)", plain)
        if language_id == "java":
            parts += re.findall(r"\bimplements\s+(.*)$", plain)
        listed = ",".join(parts)
    elif language_id in ("csharp", "cpp"):
        plain = _without_arguments(header, "<", ">")
        if "partial" in plain:
            return None
        listed = re.sub(r"\b(?:public|private|protected|virtual)\b", "", plain.partition(":")[2])
    else:
        return []
    names = [part.strip().rpartition(".")[2] for part in listed.split(",") if part.strip()]
    return names if all(re.fullmatch(r"\w+", n) for n in names) else None


def _without_arguments(text: str, opening: str, closing: str) -> str:
    """`text` without what stands in these brackets."""
    kept, depth = [], 0
    for char in text:
        depth += char == opening
        if not depth:
            kept.append(char)
        depth -= char == closing
    return "".join(kept)


def outside_base(name: str, language_id: str) -> frozenset[str] | None:
    """What a base from outside the workspace has, of the few that are told here."""
    if language_id in PYTHON:
        return _python_base(name)
    return _OUTSIDE.get(language_id, {}).get(name)


def _python_base(name: str) -> frozenset[str] | None:
    if name in ("ABC", "Protocol", "Generic"):
        return frozenset()
    if name == "NamedTuple":
        return frozenset(dir(tuple)) | {"_asdict", "_fields", "_replace", "_make"}
    known = getattr(builtins, name, None) or getattr(enum, name, None)
    return frozenset(dir(known)) | {"name", "value"} if isinstance(known, type) else None


_CUT_SIGNATURE = 200  # characters; the index keeps no more of a header
_NAME = re.compile(r"[^\W\d][\w$]*")
ASSIGNED = re.compile(r"\s*(?::[^=\n]*)?=(?!=)")
MEMBER = re.compile(
    r"(?<![\w.)\]>\"'`])(?P<root>[^\W\d]\w*)\s?(?P<sign>\?\.|\.|->|::)(?P<name>[^\W\d]\w*)"
)
EMBEDDED = re.compile(r"\s*\*?[\w.]+(?:\[.*\])?\s*(?:`.*`)?\s*(?://.*)?")
# Literal texts: they are looked for in whole documents, where an expression takes milliseconds.
_STARS = ("import *", "import .", "export *", "import\t*")
_STAR = re.compile(r"import\s+\*(?!\s*as\b)|import\s+\.\s*\"|export\s+\*")
_DYNAMIC = ("def __getattr__", "sys.modules[", "globals()", "exports[", "module.exports =")
_DYNAMIC_CLASS = (
    "__getattr",
    "setattr(",
    "__dict__",
    "new Proxy(",
    ": string]:",
    ": number]:",
    ": symbol]:",
    "lombok",
    "Deref",
    "defineProperty",
    "Object.assign(this",
)


def brings_anything(text: str) -> bool:
    """Whether a file takes or gives names that it does not list."""
    if ".*;" in text and "import static" in text:
        return True
    return any(star in text for star in _STARS) and _STAR.search(text) is not None


def is_dynamic(text: str) -> bool:
    """Whether a module makes names when it runs."""
    return any(mark in text for mark in _DYNAMIC)


def has_dynamic_members(text: str) -> bool:
    """Whether a file has classes whose members cannot be told from it."""
    return any(mark in text for mark in _DYNAMIC_CLASS)


IMPORT = {
    "python": re.compile(
        r"^\s*from\s+(?P<module>[\w.]+)\s+import\s+\(?(?P<names>[\w ,]+)", re.MULTILINE
    ),
} | dict.fromkeys(
    SCRIPT,
    re.compile(
        r"^\s*import\s+(?:type\s+)?(?:\w+\s*,\s*)?\{(?P<names>[^}]*)\}\s*from\s*[\"'](?P<module>[^\"'\n]+)[\"']",
        re.MULTILINE,
    ),
)
IMPORTED_NAME = re.compile(
    r"(?:\btype\s+)?(?<![\w$])(?P<name>[A-Za-z_$][\w$]*)(?:\s+as\b\s*[\w$]*)?"
)
DECLARING = re.compile(
    r"(?:\bdef\s+\w+\s*\([^)]*|\b(?:import|var|const|type)\s*\([^)]*|\blambda\b[^:]*"
    r"|\bfunc\b[^{}]*\([^)]*|\b(?:interface|struct)\s*\{[^}]*)\Z"
)
_CALLED = re.compile(r"(?<![\w.$#@])(?<!\bnew )(?P<name>[A-Za-z_$][\w$]*)(?=\s*\()")
BARE = {
    "python": re.compile(r"(?<![\w.])(?P<name>[^\W\d]\w*)\b(?!\s*(?::=|=(?!=)))"),
    "go": re.compile(r"(?<![\w.])(?P<name>[^\W\d]\w*)\b(?!\s*:)(?!\s*,[\w ,]*:=)(?!\s+[\w*\[]\w*)"),
    "java": _CALLED,
    "csharp": _CALLED,
} | dict.fromkeys(
    SCRIPT, re.compile(r"(?<![\w.$#@])(?P<name>[A-Za-z_$][\w$]*)(?=(?:<[^<>()\n]*>)?\()")
)
_SCRIPT_BINDERS = re.compile(
    r"\b(?:const|let|var)\b([^=;]*)|\b(?:function|class|interface|type|enum|namespace)\b\*?\s*(\w+)"
    r"|\bfunction\b[^(]*\(([^)]*)|\(([^()]*)\)\s*(?::[^=\n]*)?=>|([\w$]+)\s*=>|\bcatch\s*\(([^)]*)"
    r"|\bimport\b(.*)|([\w$]+)\s*[=:](?!=)"
    r"|^\s*(?:(?:async|static|get|set|public|private|protected|readonly|override|abstract|export"
    r"|default)\s+)*\*?([\w$]+)\s*(?:<[^>]*>)?\((?:[^()]|\([^()]*\))*\)\s*(?::|\{)",
    re.MULTILINE,
)
_C_BINDERS = re.compile(r"[\w>\]]\s+(\w+)\s*\(|(\w+)\s*=(?!=)|(\w+)\s*->")
_BINDERS = {
    "python": re.compile(
        r"\bfor\b(.*?)\bin\b|\bas\s+(\(?[\w, ]+)|\bclass\s+(\w+)"
        r"|\bdef\s+(\w+)\s*(\((?:[^()]|\([^()]*\))*)?|\blambda\b([^:]*):"
        r"|\b(?:import|global|nonlocal)\b(.*)|^\s*(?:case|from)\b(.*)"
        r"|^[ \t]*((?:[\w \t,*.)\]]|(?<!\w)[(\[])+?)[ \t]*=(?!=)|^\s*(\w+)\s*:|(\w+)\s*:?=(?!=)"
        r"|^\s*type\s+(.*)",
        re.MULTILINE,
    ),
    "go": re.compile(
        r"([\w, ]+?):=|\b(?:var|const|type|package|goto|break|continue)\b([^={\n]*)"
        r"|\bfunc\b(?:\s*\([^)]*\))?\s*(\w*)|\bfunc\b((?:[^{}]|interface\{\}|struct\{\})*)|\bimport\b(.*)"
    ),
    "java": _C_BINDERS,
    "csharp": _C_BINDERS,
} | dict.fromkeys(SCRIPT, _SCRIPT_BINDERS)
KEYWORDS = frozenset(keyword.kwlist) | frozenset(
    "abstract any assert async await base bool boolean break byte case catch chan char"
    " checked class const constructor continue debugger declare default defer delete do"
    " double else enum explicit export extends extern fallthrough final finally fixed"
    " float for foreach from func function get global go goto if implements import in"
    " infer instanceof int interface internal is keyof let lock long map match module"
    " nameof namespace native never new nil null number object of operator out override"
    " package params private protected public range readonly ref require return satisfies"
    " select set short sizeof stackalloc static string struct super switch symbol"
    " synchronized this throw throws transient true false try type typeof undefined"
    " unknown unsafe using var virtual void volatile when where while with yield _".split()
)
OBJECT = {
    "java": frozenset(
        "getClass hashCode equals toString notify notifyAll wait clone finalize length"
        " values valueOf name ordinal compareTo class".split()
    ),
    "csharp": frozenset(
        "GetType ToString Equals GetHashCode MemberwiseClone ReferenceEquals Finalize".split()
    ),
} | dict.fromkeys(
    SCRIPT,
    frozenset(
        "constructor hasOwnProperty isPrototypeOf propertyIsEnumerable toLocaleString"
        " toString valueOf name length prototype call apply bind".split()
    ),
)
_NOTHING: frozenset[str] = frozenset()
_OUTSIDE: dict[str, dict[str, frozenset[str]]] = {
    "java": dict.fromkeys(("Object", "Serializable", "Cloneable"), _NOTHING),
    "csharp": dict.fromkeys(("object", "Object"), _NOTHING),
} | {name: {"Error": frozenset({"name", "message", "stack", "cause"})} for name in SCRIPT}
GLOBALS = {
    "python": frozenset(dir(builtins))
    | frozenset("self cls __file__ __path__ reveal_type WindowsError".split()),
    "go": frozenset(
        "append cap clear close complex copy delete imag len make max min new panic print"
        " println real recover any bool byte comparable complex64 complex128 error float32"
        " float64 int int8 int16 int32 int64 rune string uint uint8 uint16 uint32 uint64"
        " uintptr true false iota nil".split()
    ),
    "java": frozenset(),
    "csharp": frozenset({"nameof", "typeof", "sizeof"}),
} | dict.fromkeys(
    SCRIPT,
    frozenset(
        "AbortController AbortSignal Array ArrayBuffer BigInt Blob Boolean Buffer"
        " CustomEvent DataView Date Error Event EventTarget FileReader Float32Array"
        " Float64Array FormData Function Headers Image Int16Array Int32Array Int8Array"
        " Intl JSON Map Math MutationObserver Number Object Promise Proxy RangeError"
        " ReferenceError Reflect RegExp Request Response Set SharedArrayBuffer String"
        " Symbol SyntaxError TextDecoder TextEncoder TypeError URIError URL"
        " URLSearchParams Uint16Array Uint32Array Uint8Array Uint8ClampedArray WeakMap"
        " WeakRef WeakSet WebSocket Worker XMLHttpRequest addEventListener afterAll"
        " afterEach alert atob beforeAll beforeEach btoa cancelAnimationFrame"
        " clearImmediate clearInterval clearTimeout confirm console decodeURI"
        " decodeURIComponent describe dispatchEvent encodeURI encodeURIComponent escape"
        " eval expect fetch getComputedStyle globalThis isFinite isNaN it jest parseFloat"
        " parseInt postMessage process prompt queueMicrotask removeEventListener"
        " requestAnimationFrame requestIdleCallback require setImmediate setInterval"
        " setTimeout structuredClone suite super test unescape vi window document".split()
    ),
)
