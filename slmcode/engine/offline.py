"""One model and one sequence without the engine around it: for calibration and measuring.

Each user is a process of its own, which a fault in native code may end.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from slmcode.engine.backend import library

Watch = Callable[[int, bool, object], bool]  # node, "do you want it?", unused
KV_TYPES = {"f16": 1, "q8_0": 8}  # GGML_TYPE_F16, GGML_TYPE_Q8_0
_FLASH = 1  # LLAMA_FLASH_ATTN_TYPE_ENABLED; a quantized V needs it


class Unusable(Exception):
    """llama.cpp cannot load or evaluate; the message says what."""


class Offline:
    """Weights, a context of `n_ctx` tokens, and one sequence in it."""

    def __init__(
        self,
        path: Path,
        *,
        threads: int,
        n_ctx: int,
        batch: int,
        kv_type: str = "f16",
        watch: Watch | None = None,
    ) -> None:
        """Load the weights. `batch` is the most tokens one `evaluate` may get; `watch` is
        llama.cpp's callback on the nodes of its graph. Raises Unusable."""
        lib = self._lib = library()
        params = lib.llama_model_default_params()
        self._model = lib.llama_model_load_from_file(os.fsencode(path), params)
        if not self._model:
            raise Unusable(f"llama.cpp cannot load {path}")
        self.n_vocab: int = lib.llama_vocab_n_tokens(lib.llama_model_get_vocab(self._model))
        context_params = lib.llama_context_default_params()
        context_params.n_ctx = n_ctx
        context_params.n_batch = context_params.n_ubatch = batch
        context_params.n_threads = context_params.n_threads_batch = threads
        context_params.type_k = context_params.type_v = KV_TYPES[kv_type]
        if kv_type != "f16":
            context_params.flash_attn_type = _FLASH
        if watch is not None:
            self._watch = lib.ggml_backend_sched_eval_callback(watch)
            context_params.cb_eval = self._watch
        self._context = lib.llama_init_from_model(self._model, context_params)
        if not self._context:
            raise Unusable(f"no memory for a context of {n_ctx} tokens with {path}")
        self._memory = lib.llama_get_memory(self._context)
        self._batch = lib.llama_batch_init(batch, 0, 1)

    def evaluate(
        self, tokens: Sequence[int], pos: int, n_logits: int = 1
    ) -> npt.NDArray[np.float32]:
        """Evaluate `tokens` at `pos`; the logits of the last `n_logits`, shape (n_logits, n_vocab).

        The array is a view that the next call overwrites. Raises Unusable.
        """
        lib, batch, n = self._lib, self._batch, len(tokens)
        batch.n_tokens = n
        for i, token in enumerate(tokens):
            batch.token[i] = token
            batch.pos[i] = pos + i
            batch.n_seq_id[i] = 1
            batch.seq_id[i][0] = 0
            batch.logits[i] = i >= n - n_logits
        result = lib.llama_decode(self._context, batch)
        if result != 0:
            raise Unusable(f"llama_decode returned {result} for {n} tokens at {pos}")
        logits = lib.llama_get_logits(self._context)
        return np.ctypeslib.as_array(
            ctypes.cast(logits, ctypes.POINTER(ctypes.c_float)), (n_logits, self.n_vocab)
        )

    def keep(self, pos: int) -> None:
        """Forget everything from `pos` on."""
        self._lib.llama_memory_seq_rm(self._memory, 0, pos, -1)

    def close(self) -> None:
        """Free weights and context."""
        self._lib.llama_batch_free(self._batch)
        self._lib.llama_free(self._context)
        self._lib.llama_model_free(self._model)
