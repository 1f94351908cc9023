"""Which tables a SQL text names, found from its tokens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import duckdb

_NAMES = (duckdb.token_type.identifier, duckdb.token_type.keyword)


def qualified_names(sql: str) -> Iterator[tuple[str, str]]:
    """Every pair `schema.table` in the text, in its order, once each.

    A pair may as well be `alias.column`; who asks knows which tables exist. Comments and strings do not
    count. Works for statements of every kind, which DuckDB's own serialised syntax tree does not.
    """
    seen: set[tuple[str, str]] = set()
    words = list(words_of(sql))
    for left, dot, right in zip(words, words[1:], words[2:], strict=False):
        pair = (left.text, right.text)
        if dot.text == "." and left.is_name and right.is_name and pair not in seen:
            seen.add(pair)
            yield pair


def names_in(sql: str) -> Iterator[str]:
    """Every word of the text that stands alone and can be a name, such as that of a table without its schema."""
    words = list(words_of(sql))
    for number, word in enumerate(words):
        around = (words[number - 1].text if number else "", words[number + 1].text if number + 1 < len(words) else "")
        if word.is_name and "." not in around:
            yield word.text


@dataclass(frozen=True)
class Word:
    """A token of a SQL text: its text without quotes, whether it can be a name, and where it begins, in bytes."""

    text: str
    is_name: bool
    start: int


def words_of(sql: str) -> Iterator[Word]:
    """The tokens of a SQL text, without comments."""
    source = sql.encode()
    tokens = duckdb.tokenize(sql)
    ends = [start for start, _ in tokens[1:]] + [len(source)]
    for (start, kind), end in zip(tokens, ends, strict=False):
        if kind != duckdb.token_type.comment:
            yield Word(_text(source[start:end].decode(errors="replace")), kind in _NAMES, start)


def _text(token: str) -> str:
    """A token without what follows it up to the next, and without its quotes."""
    token = token.strip()
    if token.startswith('"'):
        inner = token[1:].replace('""', "\0")
        return inner.partition('"')[0].replace("\0", '"')
    return token.split("--")[0].split("/*")[0].strip()
