"""Of which words, signs and literals does a SOQL query consist?"""

import re
from dataclasses import dataclass
from typing import Final, NoReturn

from connectors.sandbox.org.refused import Refused

_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<text>'(?:[^'\\]|\\.)*')
        |(?P<moment>\d{4}-\d{2}-\d{2}(?:T[\d:.]+(?:Z|[+-]\d{2}:?\d{2}))?)
        |(?P<number>[+-]?\d+(?:\.\d+)?)
        |(?P<word>[A-Za-z_][\w.]*)
        |(?P<sign><=|>=|!=|<>|[=<>(),]))""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Token:
    """kind: text (quoted), moment, number, word, sign, or end."""

    kind: str
    text: str


class Tokens:
    """A query read from left to right. Raises Refused MALFORMED_QUERY where it is not what is expected."""

    def __init__(self, soql: str) -> None:
        self._tokens: list[Token] = []
        self._at = 0
        start, end = 0, len(soql.rstrip())
        while start < end:
            found = _TOKEN.match(soql, start)
            if found is None:
                malformed(f"line 1:{start} no viable alternative at character '{soql[start]}'")
            self._tokens.append(Token(str(found.lastgroup), found[str(found.lastgroup)]))
            start = found.end()

    def next(self) -> Token:
        """Take whatever comes next."""
        token = self._peek()
        self._at += 1
        return token

    def take(self, kind: str) -> str:
        """Take a token of this kind and return its text."""
        token = self.next()
        if token.kind != kind:
            malformed(f"unexpected token: '{token.text}'")
        return token.text

    def expect(self, text: str) -> None:
        """Take exactly this word or sign."""
        if not self.have(text):
            malformed(f"expecting '{text}', found '{self._peek().text}'")

    def have(self, text: str) -> bool:
        """Take this word or sign if it comes next, and return whether it did."""
        token = self._peek()
        found = token.kind in ("word", "sign") and token.text.upper() == text
        self._at += found
        return found

    def expect_end(self) -> None:
        """Make sure that nothing is left."""
        if self._peek().kind != "end":
            malformed(f"unexpected token: '{self._peek().text}'")

    def _peek(self) -> Token:
        return self._tokens[self._at] if self._at < len(self._tokens) else Token("end", "end of query")


def malformed(what: str) -> NoReturn:
    """Refuse a query that is not SOQL, or not the part of it that is spoken here."""
    raise Refused("MALFORMED_QUERY", what)
