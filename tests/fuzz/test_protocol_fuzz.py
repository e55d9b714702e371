"""The fuzzer of the protocol: a short run, and that it notices what it is there for."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from tests.fuzz import protocol
from tests.fuzz.protocol_messages import Generator
from tests.fuzz.protocol_oracle import Failure, Oracle
from tests.lspmeta import PATH, MetaModel

pytestmark = [
    pytest.mark.skipif(not PATH.exists(), reason="no meta model in ../shared"),
    pytest.mark.timeout(300),
]


def test_no_message_of_thousands_goes_wrong() -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"python -m tests.fuzz.protocol --messages 4000 --length 2000 --seed {seed}")
    assert protocol.fuzz(4000, seed, length=2000, shrink_s=30.0) == 0


@pytest.fixture(scope="module")
def models() -> tuple[MetaModel, MetaModel]:
    return MetaModel(), MetaModel(strict=False)


def body(**message: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", **message}).encode()


def started(models: tuple[MetaModel, MetaModel]) -> Oracle:
    oracle = Oracle(*models)
    oracle.state = "initialized"
    return oracle


def follow(oracle: Oracle, sent: list[bytes], answers: list[Any]) -> None:
    for each in sent:
        oracle.sent(each)
    for answer in answers:
        oracle.received(answer)
    oracle.check_all_answered()


WHY = {"method": "slmcode/why", "params": {"textDocument": {"uri": "a:b"}}}
OK = {"jsonrpc": "2.0", "id": 1, "result": None}


def error(code: int, msg_id: Any = 1) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": msg_id, "error": {"code": code, "message": ""}}


@pytest.mark.parametrize(
    ("sent", "answers", "kind"),
    [
        ([body(id=1, **WHY)], [], "slmcode/why unanswered"),
        ([body(id=1, **WHY)], [OK, OK], "an answer to nothing"),
        ([body(id=1, **WHY)], [error(-32603)], "-32603 to slmcode/why"),
        ([body(id=1, **WHY)], [error(-32602)], "-32602 to slmcode/why"),
        ([body(id=1, **WHY)], [error(-32800)], "-32800 to slmcode/why"),
        ([body(id=1, method="slmcode/why")], [OK], "None to slmcode/why"),
        ([body(id=1, method="x")], [OK], "None to x"),
        ([body(**WHY)], [OK], "an answer to nothing"),
        ([b"{"], [], "-32700 unanswered"),
        ([b"{"], [error(-32600, None)], "-32600 with id null for -32700"),
        ([body(id=1, result=5)], [error(-32600, None)], "-32600 with id null for None"),
        ([body(id=1, **WHY)], [OK | {"extra": 1}], "unknown member"),
        ([body(id=1, **WHY)], [OK | error(0)], "no response"),
        (
            [body(id=1, method="workspace/symbol", params={"query": ""})],
            [OK | {"result": [{"name": 5}]}],
            "wrong result of workspace/symbol",
        ),
    ],
)
def test_wrong_answers_are_seen(
    models: tuple[MetaModel, MetaModel], sent: list[bytes], answers: list[Any], kind: str
) -> None:
    with pytest.raises(Failure) as e:
        follow(started(models), sent, answers)
    assert e.value.kind == kind


def test_right_answers_pass_in_any_order(models: tuple[MetaModel, MetaModel]) -> None:
    sent = [body(id=1, **WHY), body(id=1, method="x"), body(id="1", method="y"), b"[]"]
    answers = [error(-32601, "1"), error(-32601), error(-32600, None), OK]
    follow(started(models), sent, answers)


def test_a_session_is_made_by_its_seed(models: tuple[MetaModel, MetaModel]) -> None:
    first, again, other = (Generator(models[0], seed) for seed in ("1", "1", "2"))
    made = [[g.item() for _ in range(200)] for g in (first, again, other)]
    assert made[0] == made[1] != made[2]


def test_a_failing_session_is_made_smaller(
    models: tuple[MetaModel, MetaModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = protocol.plan(models, 1, 0, 50)
    culprit = session.items[40]

    def run(models: Any, plan: protocol.Plan) -> None:
        if culprit in plan.items:
            raise Failure("kind", "")

    monkeypatch.setattr(protocol, "run", run)
    found = Failure("kind", "")
    found.at = 45
    assert protocol.shrink(models, session, found, 60.0).items == [culprit]
