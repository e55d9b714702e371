"""Choose the tokens that stay in a tuned file, and write the list slmcode/models/kept.bin.

    python -m benchmarks.choose_vocabulary --tokens 48000 FOLDER...

Counts the tokens of the source files below the folders (none of the test data may be among them),
gives each language the same weight, Python three times and texts and data half of it, and keeps the
first 8,000 merges and the most used others, with all they are merged from. Prints what share of
each language's tokens is lost.

The shipped list was made on 2026-11-22 from the Python standard library, the packages of this
project's environment, the examples of Pygments, llama.cpp, npm, rxjs, lodash, Angular, TypeScript,
Vue, tokio, mio, ripgrep, gin, cobra, go-redis, gson, commons-lang, Newtonsoft.Json, Alamofire,
okio, jekyll, sinatra, Slim, symfony/console, fmt, libuv, flask, nvm, Perl's library and Vim's and
CMake's files: 75 MB in 26 languages. It loses 0.6 % of the tokens
of the Python in them; 40,000 tokens would lose 1.0 %, 32,000 2.3 %.
"""

from __future__ import annotations

import argparse
import os
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from slmcode import config as settings
from slmcode.models import catalog, header, prune, store, vocabulary
from slmcode.prompt.tokenizer import Tokenizer

_LANGUAGES = {
    ".py": "python", ".pyi": "python", ".c": "c", ".h": "c", ".cc": "cpp", ".cpp": "cpp",
    ".hpp": "cpp", ".js": "javascript", ".mjs": "javascript", ".ts": "typescript",
    ".tsx": "typescript", ".go": "go", ".rs": "rust", ".java": "java", ".kt": "kotlin",
    ".swift": "swift", ".rb": "ruby", ".php": "php", ".cs": "csharp", ".sh": "bash",
    ".bash": "bash", ".lua": "lua", ".pl": "perl", ".pm": "perl", ".md": "text", ".rst": "text",
    ".json": "data", ".yml": "data", ".yaml": "data", ".toml": "data", ".html": "web",
    ".css": "web", ".vue": "web",
}  # fmt: skip
_WEIGHTS = {"python": 3.0, "text": 0.5, "data": 0.5, "web": 0.5}
_MOST = {"python": 16_000_000}  # characters read of a language
_MOST_OTHERS = 5_000_000
_MOST_PER_FILE = 50  # a token counts no more often in one file: tables of constants
_LONGEST_LINE = 2_000  # characters; beyond it a file is generated
_FILE_BYTES = range(50, 200_000)
_FEWEST_FILES = 3  # that a token must occur in
_FIRST_MERGES = 8_000
_BYTES = 256

Counts = npt.NDArray[np.int64]


def sources(folders: Iterable[Path]) -> dict[str, list[Path]]:
    """Source files by language."""
    found: dict[str, list[Path]] = {}
    for folder in folders:
        for at, inside, names in os.walk(folder):
            inside[:] = [d for d in inside if d not in (".git", "__pycache__", "locale", "locales")]
            for path in (Path(at, name) for name in names if ".min." not in name):
                language = _LANGUAGES.get(path.suffix)
                if language and not path.is_symlink() and path.stat().st_size in _FILE_BYTES:
                    found.setdefault(language, []).append(path)
    return found


def count(paths: list[Path], tokenizer: Tokenizer, most: int, n: int) -> tuple[Counts, Counts]:
    """How often each of `n` tokens occurs, and in how many files."""
    counts, files, read = np.zeros(n, np.int64), np.zeros(n, np.int64), 0
    random.Random(1).shuffle(paths)
    for path in paths:
        if read > most:
            break
        text = path.read_bytes().decode("utf-8", "replace")
        if max(map(len, text.split("\n"))) <= _LONGEST_LINE:
            read += len(text)
            ids, times = np.unique(np.array(tokenizer.encode(text), np.int64), return_counts=True)
            counts[ids] += np.minimum(times, _MOST_PER_FILE)
            files[ids] += 1
    return counts, files


def closed(keep: npt.NDArray[np.bool_], parts: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """`keep` and all it is merged from; `parts` are the two tokens of each merge."""
    keep = keep.copy()
    for i in range(len(parts) - 1, -1, -1):
        if keep[_BYTES + i]:
            keep[parts[i]] = True
    return keep


def choose(score: npt.NDArray[np.float64], parts: npt.NDArray[np.int64], size: int) -> Any:
    """The bytes and merges to keep, `size` at most, those of the highest score."""
    first = np.zeros(len(score), bool)
    first[: _BYTES + _FIRST_MERGES] = True
    order = np.argsort(-score, kind="stable")
    low, high = 0, min(size, int((score > 0).sum()))
    while low < high:
        middle = (low + high + 1) // 2
        keep = first.copy()
        keep[order[:middle]] = True
        if closed(keep, parts).sum() <= size:
            low = middle
        else:
            high = middle - 1
    first[order[:low]] = True
    return closed(first, parts)


def main(argv: Sequence[str] | None = None) -> None:
    """Count, choose, write, print."""
    parser = argparse.ArgumentParser(prog="benchmarks.choose_vocabulary", description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--tokens", type=int, default=48_000, help="in all; a multiple of 8")
    args = parser.parse_args(argv)
    path = store.path_of(catalog.find("fast"), settings.load()[0])
    values = header.read(path).values
    merges: list[bytes] = values[prune.MERGES]
    tokenizer = Tokenizer(vocabulary.load(path, settings.cache_folder()))
    n = len(values[prune.TOKENS])
    counts: dict[str, Counts] = {}
    files = np.zeros(n, np.int64)
    for language, paths in sorted(sources(args.folders).items()):
        most = _MOST.get(language, _MOST_OTHERS)
        counts[language], seen = count(paths, tokenizer, most, n)
        files += seen
    score = sum(_WEIGHTS.get(k, 1.0) * c / c.sum() for k, c in counts.items())
    score = np.where(files >= _FEWEST_FILES, score, 0.0)[: _BYTES + len(merges)]
    id_of = {name: i for i, name in enumerate(values[prune.TOKENS])}
    parts = np.array([[id_of[p] for p in merge.split(b" ")] for merge in merges])
    special = sum(kind not in (1, 5) for kind in values[prune.TYPES])  # neither normal nor unused
    keep = choose(score, parts, args.tokens - special)
    target = Path(prune.__file__).with_name("kept.bin")
    target.write_bytes(prune.list_of(keep[_BYTES:], merges))
    for language, c in counts.items():
        lost = c[: len(keep)][~keep].sum() / c.sum()
        print(f"{language:12} {lost:6.2%} of {c.sum():,} tokens are written in smaller ones")
    print(f"{keep.sum() + special:,} tokens, {target}")


if __name__ == "__main__":
    main()
