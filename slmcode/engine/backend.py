"""llama.cpp behind seven calls. Model thread only, except `interrupt` and `resume`.

The low-level API is used throughout: logits are asked for at the positions to be sampled and
nowhere else (`Llama(...)` of the bindings computes them for every prompt token: 2.5 GB at
4096 tokens). Each sequence has a KV stream of its own, because in a unified cache every
decode attends over the cells of all documents, masked or not.
"""

from __future__ import annotations

import ctypes
import mmap
import os
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Logits = npt.NDArray[np.float32]


class ModelRefused(Exception):
    """The weights cannot be used; the message is a sentence for the user."""


class Interrupted(Exception):
    """An abortable decode was broken off. Ubatches that were finished stay in memory."""


class OutOfMemory(Exception):
    """No free cells in the KV cache for this batch."""


class DecodeFailed(Exception):
    """llama_decode reported an error; the memory holds what it held before, or a part more."""


class Backend(Protocol):
    """What the engine needs of a model: real weights, or a script in tests."""

    n_seq: int  # sequences that can be held at once, ids 0 .. n_seq - 1
    n_ctx_seq: int  # tokens one sequence can hold
    threads: int  # that compute unless `use_threads` says fewer
    snapshot_bytes: int  # memory for what `save` returns

    @property
    def pieces(self) -> list[bytes]:
        """The bytes each token stands for; b"" for control tokens. Any thread."""
        ...

    @property
    def end_ids(self) -> frozenset[int]:
        """The tokens that end a generation. Any thread."""
        ...

    def decode(
        self, seq_id: int, pos: int, tokens: Sequence[int], *, n_logits: int = 1, abortable: bool
    ) -> Logits:
        """Evaluate `tokens` at `pos`; return the logits of the last ones, (n_logits, n_vocab).

        The array is a view that the next decode overwrites. Raises Interrupted (only if
        `abortable`), OutOfMemory or DecodeFailed.
        """
        ...

    def remove(self, seq_id: int, pos: int) -> bool:
        """Drop the cells from `pos` on. False: the memory cannot be cut there."""
        ...

    def copy(self, source: int, target: int) -> None:
        """Make `target` hold what `source` holds. `target` must be empty."""
        ...

    def length(self, seq_id: int) -> int:
        """Number of tokens llama.cpp holds for the sequence."""
        ...

    def save(self, seq_id: int) -> bytearray:
        """What the sequence holds, for `restore`; 12 kB a token. Empty if that is impossible."""
        ...

    def restore(self, seq_id: int, saved: bytearray) -> bool:
        """Make an empty sequence hold what was saved of any. False: it is empty still."""
        ...

    def use_threads(self, n: int) -> None:
        """Compute with `n` threads from the next decode on."""
        ...

    def close(self) -> None:
        """Free the model. Nothing else may be called any more but `interrupt`."""
        ...

    def interrupt(self) -> None:
        """Break off the running abortable decode, or the next one. Any thread."""
        ...

    def resume(self) -> None:
        """Take `interrupt` back. Any thread."""
        ...


class LlamaBackend:
    """Real weights through llama_cpp's low-level bindings."""

    def __init__(
        self,
        path: Path,
        *,
        threads: int,
        n_ctx_seq: int,
        memory_mb: int | None = None,
        max_seq: int = 16,
        completes: bool = True,
        wanted: Callable[[], bool] = lambda: True,
        same: LlamaBackend | None = None,
    ) -> None:
        """Load the weights. Raises ModelRefused with a sentence that says what to do.

        `memory_mb` is for sequences and snapshots together; without it there are two sequences, and
        as much memory for snapshots as one of them takes. `completes`: refuse weights without the
        tokens of fill-in-the-middle. `wanted` is asked while weights are read; False ends that.
        `same` has the same weights loaded: they are shared, and it must be the last to be closed.
        """
        lib = self._lib = library()
        self._same = same
        self._model: Any = same._model if same is not None else self._load(path, completes, wanted)
        vocab = lib.llama_model_get_vocab(self._model)
        self._n_vocab = lib.llama_vocab_n_tokens(vocab)
        self._vocab = vocab
        self.kv_bytes = kv_bytes = _kv_bytes_per_token(lib, self._model)
        one = n_ctx_seq * kv_bytes
        if memory_mb is None:
            # Two: an edit cuts into a prompt that is evaluated ahead, or into a translation. The
            # 1.5B takes 28,672 bytes a token: with 6,144 tokens 352 MB, and snapshots 176 at most.
            self.n_seq, self.snapshot_bytes = 2, one
        else:
            # Live sequences take the memory of their full length, snapshots that of their
            # tokens: with 200 MB and 1,024 tokens 7 live ones, and snapshots of some 20 documents.
            n_seq = memory_mb * 1_000_000 // 2 // one
            self.n_seq = int(min(max(n_seq, 2), max_seq))
            self.snapshot_bytes = max(memory_mb * 1_000_000 - self.n_seq * one, 0)
        self.n_ctx_seq = n_ctx_seq

        params = lib.llama_context_default_params()
        params.n_ctx = self.n_seq * n_ctx_seq
        params.n_seq_max = self.n_seq
        params.kv_unified = False
        # 64: the logits of a whole ubatch are reserved, 0.6 MB a token with this vocabulary;
        # 10.2 ms a token at 64 against 10.8 at 128 (2 cores, AVX2, 0.5B).
        params.n_batch = params.n_ubatch = MAX_BATCH
        self.threads = threads or physical_cores()
        params.n_threads = params.n_threads_batch = self.threads
        params.no_perf = True
        self._context = lib.llama_init_from_model(self._model, params)
        if not self._context:
            self._free_model()
            setting = "edit_tokens" if memory_mb is None else "memory_mb"
            raise ModelRefused(
                f"no memory for {self.n_seq} documents of {n_ctx_seq} tokens with {path.name}; "
                f'lower the setting "{setting}"'
            )
        self._memory = lib.llama_get_memory(self._context)
        self._batch = lib.llama_batch_init(MAX_BATCH, 0, 1)
        # llama.cpp asks this callback before every node of the graph. strlen() of a flag is
        # "should abort?" without Python and its lock in the compute loop: "" is no, "!" is yes.
        self._flag = ctypes.create_string_buffer(2)
        strlen = ctypes.CDLL(None).strlen if os.name != "nt" else ctypes.cdll.msvcrt.strlen
        self._should_abort = ctypes.cast(strlen, lib.ggml_abort_callback)
        self._never_abort = lib.ggml_abort_callback(0)

    def _load(self, path: Path, completes: bool, wanted: Callable[[], bool]) -> Any:
        """The weights at `path`. Raises ModelRefused."""
        lib = self._lib
        _check_file(path, "fast" if completes else "quality")
        params = lib.llama_model_default_params()
        go_on = lib.llama_progress_callback(lambda part, data: wanted())
        params.progress_callback = go_on
        model = lib.llama_model_load_from_file(os.fsencode(path), params)
        if not model:
            if not wanted():
                raise ModelRefused("the engine is leaving")
            if not _is_room_for(path):
                raise ModelRefused(
                    f"no memory for {path.name}, {path.stat().st_size >> 20} MB: end other "
                    'programs, or set "model" to a smaller one'
                )
            raise ModelRefused(
                f"llama.cpp cannot load {path}: not a GGUF file it knows, or damaged. "
                "Check it with: slmcode models verify"
            )
        vocab = lib.llama_model_get_vocab(model)
        if completes and min(lib.llama_vocab_fim_pre(vocab), lib.llama_vocab_fim_mid(vocab)) < 0:
            lib.llama_model_free(model)
            raise ModelRefused(
                f"{path.name} has no fill-in-the-middle tokens, so it cannot complete code "
                'inside a file. Set "model" to one that has, such as "fast".'
            )
        return model

    @cached_property
    def pieces(self) -> list[bytes]:
        """Takes 0.25 s for 152,000 tokens."""
        if self._same is not None:
            return self._same.pieces
        return _pieces(self._lib, self._vocab, self._n_vocab)

    @cached_property
    def end_ids(self) -> frozenset[int]:
        """The tokens that end a generation; the FIM tokens do too."""
        ends = (i for i in range(self._n_vocab) if self._lib.llama_vocab_is_eog(self._vocab, i))
        return frozenset(ends) | _fim_ids(self._lib, self._vocab)

    def decode(
        self, seq_id: int, pos: int, tokens: Sequence[int], *, n_logits: int = 1, abortable: bool
    ) -> Logits:
        lib, batch = self._lib, self._batch
        n = len(tokens)
        batch.n_tokens = n
        for i, token in enumerate(tokens):
            batch.token[i] = token
            batch.pos[i] = pos + i
            batch.n_seq_id[i] = 1
            batch.seq_id[i][0] = seq_id
            batch.logits[i] = i >= n - n_logits
        lib.llama_set_abort_callback(
            self._context,
            self._should_abort if abortable else self._never_abort,
            ctypes.cast(self._flag, ctypes.c_void_p),
        )
        result = lib.llama_decode(self._context, batch)
        if result == 2:
            raise Interrupted
        if result == 1:
            raise OutOfMemory
        if result != 0:
            raise DecodeFailed(f"llama_decode returned {result} for {n} tokens at {pos}")
        # The rows of one sequence stand in llama.cpp's buffer one behind the other.
        pointer = lib.llama_get_logits_ith(self._context, n - n_logits)
        return np.ctypeslib.as_array(pointer, (n_logits, self._n_vocab))

    def remove(self, seq_id: int, pos: int) -> bool:
        return bool(self._lib.llama_memory_seq_rm(self._memory, seq_id, pos, -1))

    def copy(self, source: int, target: int) -> None:
        self._lib.llama_memory_seq_cp(self._memory, source, target, -1, -1)

    def length(self, seq_id: int) -> int:
        return int(self._lib.llama_memory_seq_pos_max(self._memory, seq_id)) + 1

    def save(self, seq_id: int) -> bytearray:
        try:
            saved = bytearray(self._lib.llama_state_seq_get_size(self._context, seq_id))
        except MemoryError:  # evaluated again, in seconds; an engine that ends costs more
            return bytearray()
        # Not copied once more: 5 MB of fresh memory take 1 to 4 ms.
        buffer = (ctypes.c_uint8 * len(saved)).from_buffer(saved)
        n = self._lib.llama_state_seq_get_data(self._context, buffer, len(saved), seq_id)
        return saved if n == len(saved) else bytearray()

    def restore(self, seq_id: int, saved: bytearray) -> bool:
        n = len(saved)
        buffer = (ctypes.c_uint8 * n).from_buffer(saved)
        if not n or self._lib.llama_state_seq_set_data(self._context, buffer, n, seq_id) != n:
            self.remove(seq_id, 0)
            return False
        return True

    def use_threads(self, n: int) -> None:
        self._lib.llama_set_n_threads(self._context, n, n)

    def close(self) -> None:
        self._lib.llama_batch_free(self._batch)
        self._lib.llama_free(self._context)
        self._free_model()

    def _free_model(self) -> None:
        if self._same is None:
            self._lib.llama_model_free(self._model)

    def interrupt(self) -> None:
        self._flag[0] = b"!"

    def resume(self) -> None:
        self._flag[0] = b"\0"


MAX_BATCH = 64  # tokens in one llama_decode


def library() -> Any:
    """llama.cpp's low-level bindings, ready for use and silent."""
    # Threads that spin at a barrier for a core they do not get are what hurts on a busy
    # machine: default 316 ms a token, this 69 (2 cores, load 5); read when OpenMP is loaded.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    import llama_cpp.llama_cpp as lib

    _silence(lib)
    lib.llama_backend_init()
    return lib


@cache
def _silence(lib: Any) -> Any:
    """Keep llama.cpp from writing hundreds of lines on stderr; errors come as results.

    The callback is returned to be kept by the cache: llama.cpp calls it as long as the process
    lives, also when no backend is left.
    """
    callback = lib.llama_log_callback(lambda level, text, data: None)
    lib.llama_log_set(callback, None)
    return callback


def _check_file(path: Path, role: str) -> None:
    """Refuse what llama.cpp would only call "failed to load"."""
    try:
        with path.open("rb") as f:
            magic = f.read(4)
    except FileNotFoundError:
        raise ModelRefused(f"{path} does not exist. Run: slmcode models pull {role}") from None
    except OSError as e:
        raise ModelRefused(f"{path} cannot be read: {e.strerror}") from e
    if magic != b"GGUF":
        raise ModelRefused(f"{path} is not a GGUF file")


def _is_room_for(path: Path) -> bool:
    """Whether the process may have memory for the weights: mapped, and repacked beside that."""
    try:
        with path.open("rb") as f, mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            mmap.mmap(-1, len(mapped)).close()
    except (OSError, MemoryError, ValueError) as e:
        return isinstance(e, ValueError)  # an empty file
    return True


def _pieces(lib: Any, vocab: Any, n_vocab: int) -> list[bytes]:
    """Bytes of every token, control tokens as b"" so that they can never be emitted as text."""
    buffer = ctypes.create_string_buffer(512)
    pieces: list[bytes] = []
    for i in range(n_vocab):
        n = lib.llama_token_to_piece(vocab, i, buffer, len(buffer), 0, False)
        pieces.append(buffer.raw[:n] if n > 0 else b"")
    return pieces


def _fim_ids(lib: Any, vocab: Any) -> frozenset[int]:
    """The FIM tokens end a generation too: after one of them the model writes another file."""
    names = ("pre", "suf", "mid", "pad", "rep", "sep")
    ids = (getattr(lib, f"llama_vocab_fim_{n}")(vocab) for n in names)
    return frozenset(i for i in ids if i >= 0)


def _kv_bytes_per_token(lib: Any, model: Any) -> int:
    """Keys and values at f16 over all layers: 12,288 for the 0.5B model."""
    heads = lib.llama_model_n_head(model)
    width = lib.llama_model_n_embd(model) // heads * lib.llama_model_n_head_kv(model)
    return int(lib.llama_model_n_layer(model) * width * 2 * 2)


def physical_cores() -> int:
    """Cores this process may run on; two threads on one core only slow each other down."""
    try:
        return max(1, len(os.sched_getaffinity(0)))
    except AttributeError:
        return max(1, (os.cpu_count() or 2) // 2)
