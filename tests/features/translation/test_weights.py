"""Polishing by real weights. What they write differs from one processor to the next, so what is
fixed here is what holds of any answer: the text is proved, and each unit says what became of it.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from slmcode.config import Config
from slmcode.features import workspace
from slmcode.features.translation.asking import open_asker
from slmcode.features.translation.polish import Polish
from tests.conftest import cache_with_weights
from tests.features.translation.stand_in import StandIn, output

PROGRAM = """class P:
    def main(self) -> None:
        n = int(input())
        total = 0
        i = 0
        while not i == n:
            total = total + i * 2
            i = i + 1
        print(total)


if __name__ == "__main__":
    P().main()
"""


@pytest.mark.weights
@pytest.mark.timeout(400)
@pytest.mark.usefixtures("runtime", "fast_weights")
def test_what_real_weights_write_is_kept_only_if_it_behaves_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache_with_weights(tmp_path / "cache")
    monkeypatch.setenv("SLMCODE_CACHE", str(tmp_path / "cache"))

    async def run() -> Polish:
        space = workspace.start(Config(edit_model="fast"), lambda s: None, lambda s: None)
        try:
            await space.ready()
            asker = await open_asker(space.resources)
            prover = StandIn(lambda given: output(PROGRAM, given), ["0\n", "1\n", "7\n"])
            polish = Polish(PROGRAM, prover, asker, None)
            await polish.run(["P.main"], lambda key: None)
            return polish
        finally:
            await space.close()
            await space.requests.close()

    polish = asyncio.run(run())
    change = polish.changes["P.main"]
    assert 1 <= change.tries <= 3
    assert change.by_model == (not change.why)
    assert change.confidence is None or 0 < change.confidence <= 1
    for given in ("0\n", "3\n", "12\n"):
        if not change.by_model:
            assert output(polish.text, given) == output(PROGRAM, given)
    assert [output(polish.text, g) for g in ("0\n", "1\n", "7\n")] == ["0\n", "0\n", "42\n"]
