"""The decode unit: the time one plain token takes in the engine that is being measured.

A prompt is read token by token, each by a job of its own that asks for one token of output. Every
such job is one decode of a single token with logits, and nothing is drafted; its `prompt_ms` is
the unit. The median of all is taken, on an otherwise idle engine.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from slmcode.config import Config
from slmcode.engine.client import EngineClient, Launch
from slmcode.engine.job import EngineState, Job
from slmcode.features.launching import engine_options
from slmcode.features.workspace import load_model
from slmcode.models import store

_READ_N = 200  # tokens in front, as behind an anchor
_SAMPLES = 24
_READY_S = 60.0


async def samples(config: Config, runtime: Path) -> list[float]:
    """Milliseconds of single tokens in the engine that runs with these settings in that folder.

    Raises FileNotFoundError if none does: one started here would not be the one that is measured.
    TimeoutError if it does not get ready, ModelError without weights.
    """
    path = await asyncio.to_thread(store.resolve, config)
    model = await asyncio.to_thread(load_model, path)
    text = Path(__file__).with_name("replay.py").read_text(encoding="utf-8")
    tokens = model.tokenizer.encode(text)[: _READ_N + _SAMPLES]
    launch = Launch(runtime, path, engine_options(config))
    if not launch.address.exists():
        raise FileNotFoundError(f"no engine listens at {launch.address}")
    engine = EngineClient(launch, lambda status: None)
    engine.start()
    try:
        async with asyncio.timeout(_READY_S):
            while engine.status.state is not EngineState.READY:
                await engine.changed()
            found: list[float] = []
            for n in range(_READ_N, len(tokens) + 1):
                stream = engine.stream(Job(sequence="unit", tokens=tokens[:n], max_tokens=1))
                async for _ in stream:
                    pass
                assert stream.done is not None
                timings = stream.done.timings
                if timings.prompt_n == 1:
                    found.append(timings.prompt_ms)
            return found
    finally:
        await engine.close()
