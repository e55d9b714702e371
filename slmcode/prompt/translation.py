"""The prompts of a translation: text in, tokens out. Pure.

`polish` asks for one method of a translated program in the form a Python programmer gives it;
`translated` asks for one unit of a program in another language. Both answers begin with a fence
that is put into the model's mouth, and end where the model closes it.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from slmcode.prompt.chat import Turn, chat
from slmcode.prompt.edit import ChatPrompt, TooLong, fence_around, name_behind_fence
from slmcode.prompt.fitting import first_tokens
from slmcode.prompt.tokenizer import Tokenizer
from slmcode.vocabulary import ChatTokens

_GROWTH = 1.2  # a polished unit may be so much longer than the faithful one,
_MORE = 80  # and this many tokens
_TRANSLATED_GROWTH = 2.5  # Java says in two lines what Perl says in one
_TRANSLATED_MORE = 160
_KNOWN = 300  # tokens of declarations shown beside the unit
_FAULT = 200  # tokens of a compiler's message

_POLISHES = (
    "You are a careful Python programmer. You make translated code idiomatic without changing what "
    "it does, and answer with the code only."
)
_ASKS = (
    "Rewrite this method as idiomatic Python that behaves exactly alike: for loops over range, "
    "direct conditions, no needless variables, clear names for local variables. Keep its name, its "
    "parameters and its comments. Answer with the method only."
)
_TRANSLATES = (
    "You are a careful programmer. You translate code from one language to another so that it "
    "behaves exactly alike, and answer with the code only."
)
NAMES = {
    "c": "C",
    "cobol": "COBOL",
    "fortran": "Fortran 77",
    "go": "Go",
    "java": "Java",
    "pascal": "Pascal",
    "perl": "Perl",
    "python": "Python 3",
    "python2": "Python 2",
    "rust": "Rust",
    "typescript": "TypeScript",
}


class Method(msgspec.Struct, frozen=True):
    """A method to polish, without its indentation. `known` declares what it uses, one a line."""

    code: str
    known: tuple[str, ...] = ()


class Source(msgspec.Struct, frozen=True):
    """A unit to translate. `header` is what its translation must begin with, "" where it is free.

    `known` are headers of the units it may call, in the target language, and other declarations.
    `is_program` asks for a whole program: it reads and prints what the source does.
    """

    source_language: str
    target_language: str
    code: str
    header: str = ""
    known: tuple[str, ...] = ()
    is_program: bool = False


def polish(
    tokenizer: Tokenizer, tokens: ChatTokens, method: Method, *, fault: str = "", n_ctx: int
) -> ChatPrompt:
    """The prompt whose answer is the method in idiomatic form. Raises TooLong."""
    fence = fence_around(method.code)
    opening = f"{fence}python\n"
    task = f"{opening}{_ended(method.code)}{fence}\n\n{_ASKS}"
    longest = int(len(tokenizer.encode(method.code)) * _GROWTH) + _MORE
    known = _block("Declared in the same class:", "python", method.known)
    return _fit(tokenizer, tokens, (_POLISHES, known, task, opening), fault, fence, longest, n_ctx)


def translated(
    tokenizer: Tokenizer, tokens: ChatTokens, source: Source, *, fault: str = "", n_ctx: int
) -> ChatPrompt:
    """The prompt whose answer is the unit in the target language. Raises TooLong."""
    fence = fence_around(source.code)
    name = name_behind_fence(source.target_language)
    begun = f"{source.header}\n" if source.header else ""
    what = NAMES[source.target_language]
    if source.is_program:
        asks = (
            f"Translate this program to {what}. It must read the same standard input and print "
            f"exactly the same. Answer with the whole program."
        )
    else:
        asks = f"Translate this to {what}. Answer with the one function only"
        asks += f"; it begins with: {source.header}" if source.header else "."
    shown = f"{fence}{name_behind_fence(source.source_language)}\n{_ended(source.code)}{fence}"
    longest = int(len(tokenizer.encode(source.code)) * _TRANSLATED_GROWTH) + _TRANSLATED_MORE
    known = _block(f"Known in the {what} program:", name, source.known)
    parts = (_TRANSLATES, known, f"{shown}\n\n{asks}", f"{fence}{name}\n{begun}")
    return _fit(tokenizer, tokens, parts, fault, fence, longest, n_ctx)


def _ended(code: str) -> str:
    return code if code.endswith("\n") else code + "\n"


def _block(title: str, name: str, lines: Sequence[str]) -> str:
    if not lines:
        return ""
    text = "\n".join(lines)
    fence = fence_around(text)
    return f"{title}\n{fence}{name}\n{text}\n{fence}\n\n"


def _fit(
    tokenizer: Tokenizer,
    tokens: ChatTokens,
    parts: tuple[str, str, str, str],
    fault: str,
    fence: str,
    longest: int,
    n_ctx: int,
) -> ChatPrompt:
    """The prompt; without the declarations where there is no room for them. Raises TooLong."""
    system, known, task, reply = parts
    if fault:
        told, _ = first_tokens(tokenizer, fault, _FAULT)
        task += f"\n\nAn earlier answer was wrong: {told}"
    if len(tokenizer.encode(known)) > _KNOWN:
        known = ""
    for before in dict.fromkeys((known, "")):
        turns = [Turn("system", system), Turn("user", before + task)]
        found = chat(tokenizer, tokens, turns, reply)
        if len(found) + longest <= n_ctx:
            return ChatPrompt(found, longest, fence, before, "")
    raise TooLong(
        f"{len(found) + longest:,} tokens are needed for prompt and answer; the model's context "
        f"has {n_ctx:,}"
    )
