"""Which model writes edits: the setting `edit_model` where its weights are there, else `model`."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from slmcode.config import Config, cache_folder
from slmcode.engine.job import Weights
from slmcode.features.edits.outcome import Refused
from slmcode.models import store, vocabulary
from slmcode.models.catalog import ModelError, NotPulled
from slmcode.prompt.tokenizer import Tokenizer, UnsupportedVocabulary
from slmcode.vocabulary import ChatTokens


class EditModel(msgspec.Struct, frozen=True):
    """Weights that write edits, and how to talk to them.

    `name` is the role or file as the settings name it. `note` tells the user what would be better,
    "" where this is what the settings ask for. `weights` None: the engine's own, with its context;
    otherwise a longer one, and where the engine has them already they are shared.
    """

    name: str
    tokenizer: Tokenizer
    chat: ChatTokens
    n_ctx: int
    weights: Weights | None = None
    note: str = ""


class EditModels:
    """Finds and loads what the settings name, once for each file. Event loop only."""

    def __init__(self) -> None:
        self._loaded: dict[Path, tuple[Tokenizer, ChatTokens | None]] = {}
        self._loading = asyncio.Lock()

    async def get(self, config: Config) -> EditModel:
        """The model for the next edit. Takes seconds the first time. Raises Refused."""
        async with self._loading:
            return await asyncio.to_thread(self._get, config)

    def tokenizer(self, path: Path) -> Tokenizer | None:
        """What spells the tokens of weights that `get` has named."""
        found = self._loaded.get(path)
        return found[0] if found is not None else None

    def _get(self, config: Config) -> EditModel:
        wanted = msgspec.structs.replace(config, model=config.edit_model)
        try:
            return self._load(wanted, store.resolve(wanted))
        except (NotPulled, Refused) as e:
            first = e
        except (ModelError, UnsupportedVocabulary) as e:
            raise Refused(str(e)) from None
        if config.model == config.edit_model:
            raise Refused(str(first))
        try:
            found = self._load(config, store.resolve(config))
        except (ModelError, UnsupportedVocabulary) as e:
            raise Refused(str(e)) from None
        note = f"written by {config.model}, the smaller model, because {first}"
        return msgspec.structs.replace(found, note=note)

    def _load(self, config: Config, path: Path) -> EditModel:
        """Raises Refused where the model has no chat tokens."""
        if path not in self._loaded:
            found = vocabulary.load(path, cache_folder())
            self._loaded[path] = Tokenizer(found), found.chat
        tokenizer, chat = self._loaded[path]
        if chat is None:
            raise Refused(f"{path.name} completes code; it cannot edit or explain (no chat tokens)")
        n_ctx = config.edit_tokens
        return EditModel(config.model, tokenizer, chat, n_ctx, Weights(str(path), n_ctx))
