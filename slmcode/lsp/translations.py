"""Translations of documents: what is announced of them, `slmcode/translate` and its answer."""

from __future__ import annotations

import stat
from collections.abc import Awaitable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from slmcode.features.project import file_of
from slmcode.lsp import messages
from slmcode.lsp.progress import Work
from slmcode.lsp.protocol import INVALID_PARAMS, METHOD_NOT_FOUND, Protocol, RequestError
from slmcode.text import Snapshot, TextRange

if TYPE_CHECKING:
    from slmcode.features.translation import Translated, Translator
    from slmcode.features.translation.pipeline import Input, Progress

# By the source's LSP identifier; a test compares with the pipeline's, which takes long to import.
_FROM_OTHERS = ("python", "java", "go", "rust", "typescript")
TARGETS: Mapping[str, Sequence[str]] = {
    "cobol": ("python",),
    "python": ("python",),  # Python 2
    **dict.fromkeys(("fortran", "perl", "pascal", "c"), _FROM_OTHERS),
}
_MAX_INPUT = 64 << 20  # bytes of one input file
_MAX_NAME = 200  # characters of a URI that are repeated
_PHASES = {
    "reading": "reading it",
    "translating": "translating",
    "proving": "comparing with the original",
    "polishing": "making it idiomatic",
}


def abilities(targets: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """What `initialize` answers: all target languages, and those of each source language."""
    by_source = {source: list(found) for source, found in targets.items() if source}
    every = list(dict.fromkeys(target for found in targets.values() for target in found))
    return {"translate": every, **({"translateFrom": by_source} if by_source else {})}


def translate(
    protocol: Protocol,
    translator: Translator | None,
    snapshot: Snapshot | None,
    text_range: TextRange | None,
    params: messages.Translate,
) -> Awaitable[dict[str, Any]]:
    """The answer to `slmcode/translate`. Raises RequestError."""
    if translator is None:
        raise RequestError(METHOD_NOT_FOUND, "this server does not translate")
    if params.target_language not in translator.languages:
        known = ", ".join(translator.languages)
        raise RequestError(INVALID_PARAMS, f"the target language is one of: {known}")
    if snapshot is None:
        raise RequestError(INVALID_PARAMS, "the document is not open")
    return _translate(protocol, translator, snapshot, text_range, params)


async def _translate(
    protocol: Protocol,
    translator: Translator,
    snapshot: Snapshot,
    text_range: TextRange | None,
    params: messages.Translate,
) -> dict[str, Any]:
    inputs = tuple(_input(uri) for uri in params.inputs)

    def on_progress(progress: Progress) -> None:
        what = _PHASES.get(progress.phase, progress.phase)
        share = 100 * progress.done // progress.total if progress.total else None
        count = f" ({progress.done} of {progress.total} units)" if progress.total else ""
        work.report(f"{what}{f': {progress.unit}' if progress.unit else ''}{count}", share)

    with Work(protocol, params, "slmcode: translating") as work:
        result = await translator.translate(
            snapshot,
            text_range,
            params.target_language,
            lambda part: work.part(answer(part)),
            inputs=inputs,
            form=params.form,
            on_progress=on_progress,
        )
    return answer(result)


def _input(uri: str) -> Input:
    from slmcode.features.translation.pipeline import Input

    path = file_of(uri)
    try:
        # Reading a device may never end.
        if path is None or not stat.S_ISREG(path.stat().st_mode):
            raise RequestError(INVALID_PARAMS, f"an input is no file: {uri[:_MAX_NAME]}")
        with path.open("rb") as file:
            data = file.read(_MAX_INPUT + 1)
    except OSError as e:
        raise RequestError(INVALID_PARAMS, f"an input cannot be read: {e.strerror}") from None
    if len(data) > _MAX_INPUT:
        raise RequestError(INVALID_PARAMS, f"an input is larger than {_MAX_INPUT:,} bytes")
    return Input(stdin=data)


def answer(result: Translated) -> dict[str, Any]:
    """The answer to `slmcode/translate`, and its partial results."""
    units = [
        {
            "name": unit.name,
            "sourceRange": _lines(*unit.source_lines),
            "range": _lines(*unit.lines),
            "verdict": unit.verdict.value,
            "reason": unit.reason,
            "form": unit.form,
        }
        for unit in result.units
    ]
    return {
        "languageId": result.language_id,
        "name": f"{result.stem}{result.extension}",
        "text": result.text,
        "verdict": result.verdict.value,
        "reason": result.reason,
        "inputsTried": result.inputs_tried,
        "coverage": result.coverage,
        "lookFirst": [
            {"what": look.what, "line": look.line, "sourceLine": look.source_line}
            for look in result.look_first
        ],
        "units": units,
        "lineMap": list(result.line_map),
        "isComplete": result.is_complete,
    }


def _lines(line: int, end_line: int) -> types.Range:
    return types.Range(types.Position(line, 0), types.Position(end_line, 0))
