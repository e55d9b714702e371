"""How the engine is started: with which weights and options, and early.

A server starts its engine before it imports anything else, so this module imports little.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from slmcode.config import Config, runtime_folder
from slmcode.engine.client import Launch
from slmcode.engine.job import EngineOptions
from slmcode.models import store
from slmcode.models.catalog import ModelError

MAX_TYPED = 800  # characters behind an anchor, about 250 tokens; then it must move


def engine_options(config: Config) -> EngineOptions:
    """What the engine is started with. One sequence holds the longest prompt and its answer."""
    document = config.prefix_tokens + config.suffix_tokens + MAX_TYPED // 3
    longest = config.context_tokens + document + config.max_tokens
    return EngineOptions(
        threads=config.threads,
        memory_mb=config.memory_mb,
        n_ctx_seq=-(-longest // 256) * 256,
        idle_s=config.engine_idle_s,
    )


class Early(NamedTuple):
    """An engine that is being started, and what for."""

    model: Path
    options: EngineOptions
    launch: Launch


def start_early(config: Config) -> Early | None:
    """Start the engine these settings ask for; None where they cannot have one.

    The other imports of a server take as long as half of the weights do.
    """
    try:
        model = store.resolve(config)
    except ModelError:
        return None  # `start` finds the same and says it
    options = engine_options(config)
    launch = Launch(runtime_folder(), model, options)
    launch.start_early()
    return Early(model, options, launch)
