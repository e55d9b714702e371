"""Where the parser stands in the tokens, and the questions that every part of it asks."""

from __future__ import annotations

import re

from slmcode.translate.cobol.lexer import END, NUMBER, TEXT, Line, Tokens
from slmcode.translate.cobol.options import Options
from slmcode.translate.cobol.tree import Comment, Item, Number, Refused, Text
from slmcode.translate.cobol.words import REGISTERS, RESERVED

_NO_NAMES = (RESERVED - REGISTERS) | {NUMBER, TEXT, "%", END} | set("+-*/=<>().,;:&")
_NO_NAMES |= {"**", ">=", "<=", "<>", "=="}


class Cursor:
    """The tokens of a source, the place in them, and the names whose kind the grammar needs."""

    def __init__(self, tokens: Tokens, options: Options) -> None:
        self.words = tokens.words
        self.lines = tokens.lines
        self.values = tokens.values
        self.at = 0
        self.options = options
        self.comments = tokens.comments
        self.comment = 0  # the next comment that nobody has taken
        self.comment_at = self.comments[0][0] if self.comments else len(self.words)
        self.reserved = _NO_NAMES - set(options.not_reserved)
        self.source: list[Line] = []  # the logical lines, for words whose letters matter
        self.condition_names: set[str] = set()
        self.class_names: set[str] = set()
        self.functions: set[str] = set()  # names that are called without the word FUNCTION
        self.default_rounded = "NEAREST-AWAY-FROM-ZERO"  # OPTIONS of the program may change it
        self.constants: tuple[Item, ...] = ()  # made by directives
        self.defined: dict[str, Number | Text | None] = {}  # by directives, at the text's end

    # questions

    @property
    def word(self) -> str:
        return self.words[self.at]

    @property
    def line(self) -> int:
        return self.lines[self.at]

    def ahead(self, *words: str) -> bool:
        """Whether exactly these words come next."""
        at = self.at
        return tuple(self.words[at : at + len(words)]) == words

    def at_name(self) -> bool:
        """Whether a user's name comes next."""
        return self.words[self.at] not in self.reserved

    # steps

    def accept(self, *words: str) -> str:
        """Step over the next word if it is one of these: the word, or ""."""
        word = self.words[self.at]
        if word in words:
            self.at += 1
            return word
        return ""

    def skip(self, *words: str) -> None:
        """Step over these noise words, each of them if it stands there, in any order."""
        while self.words[self.at] in words:
            self.at += 1

    def expect(self, *words: str) -> str:
        word = self.words[self.at]
        if word not in words or not word:
            self.unexpected(" or ".join(words))
        self.at += 1
        return word

    def phrase(self, *words: str) -> bool:
        """Step over these words if all of them come next."""
        at = self.at
        if self.words[at] == words[0] and tuple(self.words[at : at + len(words)]) == words:
            self.at = at + len(words)
            return True
        return False

    def name(self) -> str:
        """A user's name."""
        word = self.words[self.at]
        if word in self.reserved:
            self.unexpected("a name")
        self.at += 1
        return word

    def integer(self) -> int:
        value = self.values.get(self.at)
        if self.words[self.at] != NUMBER or not isinstance(value, Number):
            self.unexpected("a number")
        assert isinstance(value, Number)
        if not value.text.lstrip("+-").isdigit():
            self.unexpected("a whole number")
        self.at += 1
        return int(value.text)

    def text(self) -> Text:
        """An alphanumeric literal."""
        value = self.values.get(self.at)
        if self.words[self.at] != TEXT or not isinstance(value, Text):
            self.unexpected("a literal")
        assert isinstance(value, Text)
        self.at += 1
        return value

    # comments

    def take_comments(self) -> tuple[str, ...]:
        """The comments above the next token that nobody has taken."""
        if self.comment_at > self.at:
            return ()
        first = self.comment
        comments = self.comments
        end = first
        while end < len(comments) and comments[end][0] <= self.at:
            end += 1
        self.comment = end
        self.comment_at = comments[end][0] if end < len(comments) else len(self.words)
        return tuple(text for _, _, text in comments[first:end])

    def comment_statement(self) -> Comment | None:
        """The comments above the next token as a statement; blank lines in them are kept."""
        line = self.comments[self.comment][1] if self.comment_at <= self.at else 0
        lines = self.take_comments()
        return Comment(line, lines) if any(text.strip() for text in lines) else None

    def as_written(self, word: str, line: int) -> str:
        """A word in the letters it has in the text; the last one of the line if there are more."""
        pattern = rf"(?<![\w-]){re.escape(word)}(?![\w-])"
        for number, text in self.source:
            found = re.findall(pattern, text, re.IGNORECASE) if number == line else []
            if found:
                return str(found[-1])
        return word

    # refusals

    def shown(self) -> str:
        """The next token as a message shows it."""
        word = self.words[self.at]
        if word == END:
            return "the end of the text"
        value = self.values.get(self.at)
        if isinstance(value, Number):
            return value.text
        if isinstance(value, Text):
            return f'literal "{value.text[:30]}"'
        return f"{value}" if isinstance(value, str) and word == "%" else word

    def unexpected(self, wanted: str = "") -> None:
        """Raise `Refused`: the next token cannot stand here."""
        raise Refused(
            self.line, f"unexpected {self.shown()}", f"{wanted} expected" if wanted else ""
        )

    def refuse(self, construct: str, hint: str = "", line: int = 0) -> Refused:
        """The refusal of a construct on this line, to be raised."""
        return Refused(line or self.line, construct, hint)
