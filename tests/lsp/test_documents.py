"""The document store against a client that keeps its text as UTF-16 code units in bytes."""

from __future__ import annotations

import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types

from slmcode.lsp.documents import Documents, lost
from slmcode.lsp.positions import ENCODINGS, Encoding, to_position
from slmcode.text import Snapshot, line_starts
from tests.lsp.test_positions import CHARACTERS, units

URI = "untitled:Untitled-1"
pieces = st.lists(st.sampled_from([*CHARACTERS, "\r\n"]), max_size=8).map("".join)


def on_the_wire(text: str) -> str:
    """A text as JSON brings it: halves of a surrogate pair side by side are one character."""
    brought: str = json.loads(json.dumps(text))
    return brought


def position(text: str, offset: int, encoding: Encoding) -> types.Position:
    """The position of an offset, found by splitting the text before it at line endings."""
    before = text[:offset]
    if before.endswith("\r") and text[offset : offset + 1] == "\n":
        before = before[:-1]  # between CR and LF there is no position: the line's end
    split = before.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return types.Position(len(split) - 1, units(split[-1], encoding))


def moved(text: str, offset: int) -> int:
    """The offset a client can name: not between CR and LF."""
    return offset - 1 if text[offset - 1 : offset + 1] == "\r\n" else offset


@given(pieces, st.sampled_from(ENCODINGS), st.data())
def test_incremental_changes_give_the_clients_text(
    text: str, encoding: Encoding, data: st.DataObject
) -> None:
    documents = Documents(encoding)
    before = documents.open(URI, "python", 1, text)
    text = on_the_wire(text)
    for version in range(2, 5):
        changes: list[types.TextDocumentContentChangeEvent] = []
        for _ in range(data.draw(st.integers(0, 3))):
            a, b = (moved(text, data.draw(st.integers(0, len(text)))) for _ in range(2))
            start, end = min(a, b), max(a, b)
            new = data.draw(pieces)
            if data.draw(st.integers(0, 5)) == 0:
                changes.append(types.TextDocumentContentChangeWholeDocument(new))
                text = on_the_wire(new)
                continue
            place = types.Range(position(text, start, encoding), position(text, end, encoding))
            changes.append(types.TextDocumentContentChangePartial(place, new))
            text = on_the_wire(text[:start] + new + text[end:])
        changed = documents.change(URI, version, changes)
        assert changed is not None
        snapshot, edits = changed
        assert (snapshot.text, snapshot.version) == (text, version)
        assert snapshot.line_starts == line_starts(text)
        assert len(edits) == len(changes)
        replayed = before
        for edit in edits:
            replayed = replayed.apply(edit, version)
        assert replayed.text == text
        assert documents.get(URI) is snapshot
        before = snapshot


def partial(
    start: tuple[int, int], end: tuple[int, int], text: str
) -> types.TextDocumentContentChangePartial:
    place = types.Range(types.Position(*start), types.Position(*end))
    return types.TextDocumentContentChangePartial(place, text)


def text_after(text: str, *changes: types.TextDocumentContentChangeEvent) -> str:
    documents = Documents()
    documents.open(URI, "", 1, text)
    changed = documents.change(URI, 2, changes)
    assert changed is not None
    return changed[0].text


def test_edits_at_the_end_of_the_file() -> None:
    assert text_after("", partial((0, 0), (0, 0), "a")) == "a"
    assert text_after("a\nb", partial((1, 1), (1, 1), "c")) == "a\nbc"
    assert text_after("a\n", partial((1, 0), (1, 0), "b")) == "a\nb"
    assert text_after("a\nb", partial((0, 0), (2, 0), "")) == ""
    assert text_after("a\nb", partial((0, 99), (99, 99), "!")) == "a!"


def test_form_feed_and_line_separator_are_no_line_ends() -> None:
    text = "a\fb\x0bc\u2028d\x85e\nf"
    assert text_after(text, partial((1, 0), (1, 1), "g")) == "a\fb\x0bc\u2028d\x85e\ng"


def test_a_range_the_wrong_way_round_is_turned() -> None:
    assert text_after("abc", partial((0, 2), (0, 1), "x")) == "axc"


def test_half_a_surrogate_pair_can_come_in_two_changes() -> None:
    after = text_after("", partial((0, 0), (0, 0), "\ud83d"), partial((0, 1), (0, 1), "\ude00"))
    assert after == "😀"


def test_characters_that_share_a_half_may_be_exchanged_by_the_other_one() -> None:
    """A client with UTF-16 text sends the least that differs."""
    assert text_after("a😀b", partial((0, 2), (0, 3), "\ude01")) == "a😁b"
    assert text_after("a😀b", partial((0, 1), (0, 2), "\ud83e")) == "a\U0001fa00b"
    assert text_after("😀", partial((0, 1), (0, 1), "x")) == "\ud83dx\ude00"
    assert text_after("\ud83dx\ude00", partial((0, 1), (0, 2), "")) == "😀"
    assert text_after("😀😀", partial((0, 1), (0, 3), "")) == "😀"
    assert text_after("😀", partial((0, 1), (0, 2), "")) == "\ud83d"


def test_in_other_encodings_a_change_inside_a_character_begins_in_front_of_it() -> None:
    documents = Documents("utf-8")
    documents.open(URI, "", 1, "a😀b")
    changed = documents.change(URI, 2, [partial((0, 3), (0, 5), "x")])
    assert changed is not None
    assert changed[0].text == "ax😀b".replace("😀", "", 1)


def test_snapshots_do_not_change() -> None:
    documents = Documents()
    old = documents.open(URI, "python", 5, "a")
    documents.change(URI, 3, [types.TextDocumentContentChangeWholeDocument("b")])
    assert (old.text, old.version) == ("a", 5)
    new = documents.get(URI)
    assert new is not None
    assert (new.text, new.version, new.language_id) == ("b", 3, "python")


def test_documents_are_known_by_their_uri_only() -> None:
    documents = Documents()
    uris = ["untitled:1", "file:///a", "file:///A", "vscode-remote://h/a", "zipfile:///a.zip::b"]
    for uri in uris:
        documents.open(uri, "", 1, uri)
    assert [d.text for uri in uris if (d := documents.get(uri))] == uris
    assert documents.close("file:///A")
    assert not documents.close("file:///A")
    assert documents.get("file:///A") is None
    assert documents.get("file:///a") is not None


def test_changes_of_an_unknown_document_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    documents = Documents()
    change = types.TextDocumentContentChangeWholeDocument("secret text")
    with caplog.at_level(logging.DEBUG):
        for _ in range(3):
            assert documents.change(URI, 1, [change]) is None
    assert len(caplog.records) == 1
    assert "secret" not in caplog.text


def test_folders() -> None:
    documents = Documents()
    a, b, c = (types.WorkspaceFolder(uri=f"file:///{n}", name=n) for n in "abc")
    documents.change_folders([a, b], [])
    documents.change_folders([c], [a, types.WorkspaceFolder(uri="file:///z", name="z")])
    assert documents.folders == {"file:///b": "b", "file:///c": "c"}


def test_position_of_the_reference_is_ours() -> None:
    text = "a\r\nb😀\rc\n"
    s = Snapshot(URI, "", 1, text)
    for offset in range(len(text) + 1):
        place = position(text, offset, "utf-16")
        assert to_position(s, offset, "utf-16") == (place.line, place.character)


def test_a_document_that_was_lost_is_there_again_with_a_full_text() -> None:
    documents = Documents()
    before = documents.open(URI, "cs", 1, "abc")
    assert documents.lose(URI)
    assert not documents.lose(URI), "told once"
    assert documents.is_lost(URI)
    assert documents.get(URI) is None
    assert documents.change(URI, 2, [partial((0, 0), (0, 0), "x")]) is None
    whole = types.TextDocumentContentChangeWholeDocument
    changes = [partial((0, 0), (0, 0), "x"), whole("y"), whole("de"), partial((0, 1), (0, 1), "+")]
    changed = documents.change(URI, 3, changes)
    assert changed is not None
    snapshot, _ = changed
    assert (snapshot.text, snapshot.version, snapshot.language_id) == ("d+e", 3, "csharp")
    assert documents.get(URI) is snapshot
    assert documents.since(before) is None, "nobody knows"
    assert not documents.is_lost(URI)


def test_a_lost_document_may_be_opened_again_and_closed() -> None:
    documents = Documents()
    assert not documents.lose(URI)
    documents.open(URI, "python", 1, "a")
    documents.lose(URI)
    documents.open(URI, "python", 1, "b")
    assert not documents.is_lost(URI)
    documents.lose(URI)
    assert documents.close(URI)
    assert not documents.is_lost(URI)
    assert documents.change(URI, 2, [types.TextDocumentContentChangeWholeDocument("c")]) is None


def test_what_is_said_of_a_lost_document_names_it() -> None:
    assert lost("file:///w/a%20b.py").startswith("the editor sent a change of a b.py that ")
