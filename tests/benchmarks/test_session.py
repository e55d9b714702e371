"""What the replay reads out of the messages between client and server."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.session import text_after
from slmcode.lsp.record import Message


def asked(t: float, msg_id: int) -> Message:
    return Message(t, "c2s", {"id": msg_id, "method": "textDocument/inlineCompletion"})


def answered(t: float, msg_id: int, items: list[Any] | None) -> Message:
    return Message(t, "s2c", {"id": msg_id, "result": items and {"items": items}})


def test_text_may_come_with_the_second_answer() -> None:
    messages = [
        asked(1.0, 7),
        answered(1.05, 6, ["of an older request"]),
        answered(1.09, 7, None),
        Message(1.17, "s2c", {"method": "slmcode/refresh"}),
        asked(1.171, 8),
        answered(1.18, 8, ["text"]),
        answered(1.19, 8, ["later"]),
    ]
    assert text_after(messages) == pytest.approx(0.18)
    assert text_after(messages[:5]) is None
    assert text_after([]) is None
