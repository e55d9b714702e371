"""OPEN, CLOSE, READ, WRITE, REWRITE, DELETE, START, and the file objects they work on."""

from __future__ import annotations

from slmcode.translate.cobol import tree
from slmcode.translate.cobol.emit import data
from slmcode.translate.cobol.emit import expressions as values
from slmcode.translate.cobol.emit.base import (
    Out,
    Txt,
    emits,
    integer,
    place,
    quoted,
    store,
    text,
)
from slmcode.translate.cobol.emit.names import RESERVED, python_name
from slmcode.translate.cobol.layout import Field, Layout
from slmcode.translate.cobol.tree import Refused

_CLASSES = {
    "SEQUENTIAL": "SequentialFile",
    "LINE SEQUENTIAL": "LineSequentialFile",
    "RELATIVE": "RelativeFile",
    "INDEXED": "IndexedFile",
}


# The objects


def declare(out: Out) -> None:
    """Write the lines of `__init__` that make the files of this program."""
    for file in out.layout.files.values():
        out.source = file.line
        if file.is_sort:
            area = area_of(out, file)
            out.line(f"{file_of(out, file.name)} = {out.use('SortFile')}({area})")
        else:
            _declare(out, file)
        if file.linage:
            _linage_counter(out, file)


def _linage_counter(out: Out, file: tree.File) -> None:
    """Make LINAGE-COUNTER [OF file] a name: an attribute of the file's object."""
    item = tree.Item(77, "LINAGE-COUNTER", file.line, usage="BINARY-LONG", unsigned=True)
    counter = Field(item, "register", usage="BINARY-LONG", category="numeric", cut=False)
    counter.digits, counter.size, counter.file = 10, 4, file.name
    counter.attribute = f"{file_of(out, file.name).removeprefix('self.')}.linage_counter"
    out.layout.names.setdefault(item.name, []).append(counter)


def area_of(out: Out, file: tree.File) -> str:
    """Code of the record area of a file."""
    records = out.layout.records_of(file.name)
    if not records:
        raise Refused(file.line, f"the file {file.name}", "it has no record")
    return f"{data.record_of(out, records[0])}.storage"


def _declare(out: Out, file: tree.File) -> None:
    if file.external:
        raise Refused(file.line, f"the EXTERNAL file {file.name}")
    records = out.layout.records_of(file.name)
    kind = _CLASSES[file.organization]
    if file.linage or _is_console(out, file):
        kind = "LineSequentialFile"  # as cobc does
    parts = ["self", f'"{file.name}"', _assign(out, file), area_of(out, file)]
    if file.status is not None:
        parts.append(f"status={_binding(out, file.status)}")
    if file.optional:
        parts.append("optional=True")
    if kind == "SequentialFile" or file.record_depending is not None:
        least = min(record.size for record in records)
        if file.record_least is not None:
            least = min(least, file.record_least)
        elif file.record_depending is not None:
            least = 0
        if least < max(record.size for record in records):
            parts.append(f"least={least}")
    if file.record_depending is not None:
        parts.append(f"length={_binding(out, file.record_depending)}")
    if file.organization == "RELATIVE" and file.relative_key is not None:
        parts.append(f"key={_binding(out, file.relative_key)}")
    if file.organization in ("RELATIVE", "INDEXED") and file.access != "SEQUENTIAL":
        parts.append(f'access="{file.access}"')
    if file.organization == "INDEXED":
        parts.extend(_keys(out, file))
    if file.linage:
        parts.append(f"linage={_linage(out, file)}")
    out.line(f"{file_of(out, file.name)} = {out.use(kind)}({', '.join(parts)})")


def _assign(out: Out, file: tree.File) -> str:
    assign = file.assign
    if isinstance(assign, tree.Ref):
        if out.layout.find_or_none(assign) is not None:
            return f"lambda: {text(out, assign).code}"
        if _is_console(out, file):
            return f'"{assign.name}"'
        return quoted(out, file.assign_name or assign.name)
    if isinstance(assign, tree.Text):
        if assign.text in ("KEYBOARD", "DISPLAY"):  # a file of that name
            return f'"./{assign.text}"'
        return quoted(out, assign.text)
    raise Refused(file.line, f"ASSIGN of {file.name}")


def _is_console(out: Out, file: tree.File) -> bool:
    """True for ASSIGN TO KEYBOARD and DISPLAY: standard input and output."""
    assign = file.assign
    return (
        isinstance(assign, tree.Ref)
        and assign.name in ("KEYBOARD", "DISPLAY")
        and out.layout.find_or_none(assign) is None
    )


def _binding(out: Out, ref: tree.Ref) -> str:
    """Where the runtime finds an item it has to set: its owner and the name of the attribute."""
    code = place(out, ref).code
    owner, _, name = code.rpartition(".")
    if not name.isidentifier():
        raise Refused(ref.line, ref.name, "an element of a table here")
    return f'({owner}, "{name}")'


def _keys(out: Out, file: tree.File) -> list[str]:
    if file.record_key is None:
        raise Refused(file.line, f"the indexed file {file.name}", "it has no RECORD KEY")
    primary = key_field(out, file, file.record_key)
    parts = [f"record_key=({primary.offset}, {primary.size})"]
    found = []
    for ref, several in file.alternate_keys:
        key = key_field(out, file, ref)
        found.append(f"({key.offset}, {key.size}, {several})")
    if found:
        parts.append(f"alternates=({', '.join(found)}{',' * (len(found) == 1)})")
    return parts


def key_field(out: Out, file: tree.File, ref: tree.Ref) -> Field:
    """The item of a key, in a record of the file."""
    for found in out.layout.candidates(ref):
        if found.record.file == file.name:
            return found
    return out.layout.find(ref)


def _linage(out: Out, file: tree.File) -> str:
    """LINES, FOOTING, TOP, BOTTOM, looked at when a page begins."""
    given = [integer(out, value) for value in file.linage]
    codes = [value.code for value in given] + ["0"] * (4 - len(given))
    code = f"({', '.join(codes)})"
    return code if all(value.constant is not None for value in given) else f"lambda: {code}"


# Names


def file_of(out: Out, name: str) -> str:
    """Code of the object of a file."""
    base = "self"
    layout: Layout | None = out.layout
    while layout is not None and name not in layout.files:
        layout = layout.outer
        base += ".parent"
    if layout is None:
        raise Refused(out.source, name, "no file has this name")
    attribute = python_name(name, RESERVED)
    if attribute in layout.attributes:
        attribute += "_file"
    return f"{base}.{attribute}"


def description(out: Out, name: str, line: int) -> tree.File:
    """SELECT and FD of a file."""
    layout: Layout | None = out.layout
    while layout is not None:
        if name in layout.files:
            return layout.files[name]
        layout = layout.outer
    raise Refused(line, name, "no file has this name")


def _survives(out: Out, file: tree.File) -> bool:
    """True when the run may go on after an error that no phrase of the statement is for."""
    return file.status is not None or bool(out.layout.program.declaratives)


def outcome(
    out: Out,
    file: tree.File,
    call: str,
    failed: tree.Body | None,
    succeeded: tree.Body | None,
    into: tree.Ref | None = None,
) -> None:
    """Write an operation, and its phrases: what goes on when it failed or succeeded."""
    works = bool(succeeded) or into is not None
    if not works and not failed:
        out.line(call)
        return
    survives = _survives(out, file)
    if not works:
        with out.block(f"if {call} is False:" if survives else f"if not {call}:"):
            out.body(failed or ())
        return
    if failed and survives:
        found = out.local("found")
        out.line(f"{found} = {call}")
        call, otherwise = found, f"elif {found} is False:"
    else:
        otherwise = "else:"
    if into is not None and not failed and not succeeded and not survives:
        out.line(call)
        _store_record(out, file, into)
        return
    with out.block(f"if {call}:"):
        if into is not None:
            _store_record(out, file, into)
        out.body(succeeded or ())
    if failed:
        with out.block(otherwise):
            out.body(failed)


def _store_record(out: Out, file: tree.File, into: tree.Ref) -> None:
    """READ … INTO, RETURN … INTO: a MOVE of the record."""
    records = out.layout.records_of(file.name)
    if len(records) == 1 and records[0].name:
        store(out, into, tree.Ref(records[0].name, into.line))
        return
    longest = max(records, key=lambda record: record.size)
    found = data.place_of(out, longest, [])
    store(out, into, Txt(values.text_at(out, found).code, longest.size))


def _phrase(*phrases: tree.Body | None) -> tree.Body | None:
    """The one phrase that is there, of AT END and INVALID KEY."""
    return next((phrase for phrase in phrases if phrase is not None), None)


def _call(method: str, arguments: list[str], *phrases: tree.Body | None) -> str:
    if any(phrase is not None for phrase in phrases):
        arguments = [*arguments, "caught=True"]
    return f"{method}({', '.join(arguments)})"


# Statements


@emits(tree.Open)
def open_(out: Out, node: tree.Open) -> None:
    for mode, name in node.files:
        out.line(f'{file_of(out, name)}.open("{mode}")')


@emits(tree.Close)
def close(out: Out, node: tree.Close) -> None:
    for name in node.files:
        out.line(f"{file_of(out, name)}.close()")


@emits(tree.Read)
def read(out: Out, node: tree.Read) -> None:
    file = description(out, node.file, node.line)
    arguments: list[str] = []
    keyed = file.organization in ("RELATIVE", "INDEXED")
    method = "read"
    if keyed and node.direction == "PREVIOUS":
        method = "read_previous"
    elif keyed and not node.direction and file.access != "SEQUENTIAL":
        ends = node.at_end is not None or node.not_at_end is not None
        if not (ends and file.access == "DYNAMIC"):  # cobc takes those for READ NEXT
            method = "read_key"
            if node.key is not None and file.organization == "INDEXED":
                index = _key_index(out, file, node.key)[0]
                arguments = [f"key={index}"] if index else []
    failed = _phrase(node.at_end, node.invalid)
    succeeded = _phrase(node.not_at_end, node.not_invalid)
    caught = (node.at_end, node.invalid)
    call = _call(f"{file_of(out, node.file)}.{method}", arguments, *caught)
    outcome(out, file, call, failed, succeeded, node.into)


def _key_index(out: Out, file: tree.File, ref: tree.Ref) -> tuple[int, Field]:
    """Which key of the file `ref` is or begins (0 is RECORD KEY), and the item."""
    assert file.record_key is not None
    wanted = key_field(out, file, ref)
    for index, key in enumerate((file.record_key, *(key for key, _ in file.alternate_keys))):
        if key_field(out, file, key).offset == wanted.offset:
            return index, wanted
    raise Refused(ref.line, ref.name, "not a key of the file")


@emits(tree.Write)
def write(out: Out, node: tree.Write) -> None:
    name = node.record.name
    record = out.layout.find_or_none(node.record)
    file = description(out, record.record.file if record is not None else name, node.line)
    if record is None:
        record = out.layout.records_of(file.name)[0]
    if node.source is not None:
        store(out, node.record if record.name == name else tree.Ref(record.name), node.source)
    arguments = [data.record_of(out, record)]
    size = values.length_of(out, tree.Ref(record.name, node.line))
    if size.constant is None and file.record_depending is None:
        arguments.append(f"size={size.code}")
    if node.advancing is not None:
        arguments.append(_advancing(out, node))
    method = f"{file_of(out, file.name)}.{'rewrite' if node.rewrite else 'write'}"
    call = _call(method, arguments, node.invalid)
    succeeded = node.not_invalid
    outcome(out, file, call, node.invalid, succeeded)
    if node.at_eop is not None or node.not_at_eop:
        with out.block(f"if {file_of(out, file.name)}.end_of_page:"):
            out.body(node.at_eop or ())
        if node.not_at_eop:
            with out.block("else:"):
                out.body(node.not_at_eop)


def _advancing(out: Out, node: tree.Write) -> str:
    word = "before" if node.before else "after"
    advancing = node.advancing
    if isinstance(advancing, tree.Ref):
        device = out.special.mnemonics.get(advancing.name)
        if device is not None:
            return f'{word}="PAGE"' if device in ("C01", "FORMFEED", "TOP") else f"{word}=1"
    if isinstance(advancing, str):
        return f'{word}="PAGE"'
    assert advancing is not None
    return f"{word}={integer(out, advancing).code}"


@emits(tree.Delete)
def delete(out: Out, node: tree.Delete) -> None:
    file = description(out, node.file, node.line)
    call = _call(f"{file_of(out, node.file)}.delete", [], node.invalid)
    outcome(out, file, call, node.invalid, node.not_invalid)


@emits(tree.Start)
def start(out: Out, node: tree.Start) -> None:
    file = description(out, node.file, node.line)
    operator = node.first or node.operator
    arguments = [f'"{operator}"'] if operator != "=" else []
    if file.organization == "INDEXED" and node.key is not None:
        index, field = _key_index(out, file, node.key)
        if index:
            arguments.append(f"key={index}")
        keys = (file.record_key, *(key for key, _ in file.alternate_keys))
        whole = keys[index]
        assert whole is not None
        if field.size < key_field(out, file, whole).size:
            arguments.append(f"size={field.size}")
    call = _call(f"{file_of(out, node.file)}.start", arguments, node.invalid)
    outcome(out, file, call, node.invalid, node.not_invalid)
