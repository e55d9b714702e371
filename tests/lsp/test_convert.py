"""Values between LSP and us, and frames, without a process."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types

from slmcode.engine.job import EngineState, EngineStatus, Timings
from slmcode.features.answer import Completion
from slmcode.lsp import convert
from slmcode.lsp.messages import DidPartiallyAcceptCompletion, Item
from slmcode.lsp.stdio import FrameError, frames
from slmcode.text import Snapshot, TextRange


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (["utf-8", "utf-16"], "utf-8"),
        (["utf-16", "utf-8"], "utf-16"),
        ([types.PositionEncodingKind.Utf32], "utf-32"),
        (["utf-7", "utf-32"], "utf-32"),
        (["utf-7"], "utf-16"),
        ([], "utf-16"),
        (None, "utf-16"),
    ],
)
def test_choose_encoding(offered: list[str] | None, chosen: str) -> None:
    general = types.GeneralClientCapabilities(position_encodings=offered)
    assert convert.choose_encoding(types.ClientCapabilities(general=general)) == chosen


def test_choose_encoding_of_a_client_that_says_nothing() -> None:
    assert convert.choose_encoding(types.ClientCapabilities()) == "utf-16"


def test_settings_below_our_name_or_directly() -> None:
    wanted = {"threads": 2}
    assert convert.settings_of({"slmcode": {"threads": 2, "model": None}}) == wanted
    assert convert.settings_of({"threads": 2, "trace": {"server": "off"}}) == wanted
    useless: list[object] = [None, [], "x", {"slmcode": None}, {"slmcode": 1}]
    for nothing in useless:
        assert convert.settings_of(nothing) == {}


def test_every_state_has_a_status() -> None:
    names = {s: str(convert.status(EngineStatus(s, "m"), "fast").state) for s in EngineState}
    assert names == {
        EngineState.STARTING: "starting",
        EngineState.LOADING: "loading",
        EngineState.READY: "ready",
        EngineState.NO_MODEL: "downloadNeeded",
        EngineState.REFUSED: "degraded",
        EngineState.DOWN: "degraded",
    }


def test_offered_lines_end_with_a_newline_alone() -> None:
    snapshot = Snapshot("file:///w/a.py", "python", 1, "def f():\r\n    ")
    text = "x = 1\r\n    y = 2\n    return x"
    answer = Completion("c1", text, TextRange(14, 14), True, False, 0.0, Timings())
    offered = convert.inline_completions(snapshot, answer, "utf-16")
    assert offered is not None
    assert offered.items[0].insert_text == "x = 1\n    y = 2\n    return x"
    assert offered.items[0].range == types.Range(types.Position(1, 4), types.Position(1, 4))


@pytest.mark.parametrize("text", ["a😀b", {"kind": "snippet", "value": "a😀b"}])
def test_accepted_length_is_in_utf_16(text: object) -> None:
    lengths = [DidPartiallyAcceptCompletion(Item(text), n) for n in range(6)]
    assert [convert.accepted_code_points(p) for p in lengths] == [0, 1, 1, 2, 3, 3]


@given(st.lists(st.binary(max_size=50)), st.integers(1, 30))
def test_frames_whatever_the_pieces(bodies: list[bytes], piece: int) -> None:
    stream = b"".join(b"Content-Length: %d\r\n\r\n%b" % (len(b), b) for b in bodies)
    source = io.BytesIO(stream)
    assert list(frames(lambda n: source.read(min(n, piece)))) == bodies


@pytest.mark.parametrize("cut", [1, 10, 20, 23])
def test_a_stream_that_ends_in_a_message_just_ends(cut: int) -> None:
    assert list(frames(io.BytesIO(b"Content-Length: 4\r\n\r\nbody"[:-cut]).read)) == []


@pytest.mark.parametrize(
    "header",
    [
        b"\r\n\r\n",
        b"Content-Type: x\r\n\r\n{}",
        b"Content-Length: -5\r\n\r\n{}",
        b"Content-Length: five\r\n\r\n{}",
        b"Content-Length: 99999999999\r\n\r\n{}",
        b"x" * 10_000,
    ],
)
def test_malformed_headers(header: bytes) -> None:
    with pytest.raises(FrameError):
        list(frames(io.BytesIO(header).read))


def test_headers_are_read_leniently() -> None:
    stream = b"Content-Type: x; charset=utf-8\r\ncontent-length:2 \r\n\r\n{}"
    assert list(frames(io.BytesIO(stream).read)) == [b"{}"]
