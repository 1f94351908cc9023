"""Which tables a SQL text names, found from its tokens."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass

import duckdb

from headgate.errors import QueryError

_NAMES = (duckdb.token_type.identifier, duckdb.token_type.keyword)
# What DuckDB's parser takes for a space outside of quotes, while its tokenizer takes it for a letter.
_SPACES = re.compile("[\u00a0\u2000-\u200b\u202f\u205f\u2060\u3000\ufeff]")


@functools.lru_cache(maxsize=256)
def qualified_names(sql: str) -> tuple[tuple[str, str], ...]:
    """Every pair `schema.table` in the text, in its order, once each.

    A pair may as well be `alias.column`; who asks knows which tables exist. Comments and strings do not
    count. Works for statements of every kind, which DuckDB's own serialised syntax tree does not.
    """
    tokens = [(token, kind) for _, token, kind in _tokens(respaced(sql)) if kind != duckdb.token_type.comment]
    # Every statement of a build is asked, some more than once: what a token is called is looked at beside dots alone.
    return tuple(
        dict.fromkeys(
            (_text(left), _text(right))
            for (left, of_left), (dot, _), (right, of_right) in zip(tokens, tokens[1:], tokens[2:], strict=False)
            if dot.startswith(".") and _text(dot) == "." and of_left in _NAMES and of_right in _NAMES
        )
    )


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
    for start, token, kind in _tokens(respaced(sql)):
        if kind != duckdb.token_type.comment:
            yield Word(_text(token), kind in _NAMES, start)


def respaced(sql: str) -> str:
    """A SQL text with ASCII spaces wherever DuckDB's parser sees spaces, as many bytes long as it was.

    Of the text that comes out, parser and tokenizer make the same words.

    Raises:
        QueryError: It is not Unicode.
    """
    try:
        sql.encode()
    except UnicodeEncodeError as error:
        raise QueryError(
            f"The statement holds {error.object[error.start]!r}, which is no character.",
            place=f"character {error.start + 1} of the statement",
            hint="Give the statement in UTF-8.",
        ) from error
    before = None
    # Where a quote ends may depend on a space before it.
    while sql != before and _SPACES.search(sql):
        before = sql
        sql = "".join(_respaced(token, kind) for _, token, kind in _tokens(sql))
    return sql


def _respaced(token: str, kind: object) -> str:
    quoted = kind == duckdb.token_type.string_const or token.startswith('"')
    # The tag of a dollar quote is outside of quotes, as the parser sees it.
    end = token.find("$", 1) + 1 if token.startswith("$") else 0 if quoted else len(token)
    return _SPACES.sub(lambda found: " " * len(found[0].encode()), token[:end]) + token[end:]


def _tokens(sql: str) -> Iterator[tuple[int, str, object]]:
    """Where each token begins, in bytes, its text up to the next one, and its kind; comments go with what precedes."""
    source = sql.encode()
    tokens = duckdb.tokenize(sql)
    if not tokens or tokens[0][0] > 0:
        tokens.insert(0, (0, duckdb.token_type.comment))
    ends = [start for start, _ in tokens[1:]] + [len(source)]
    for (start, kind), end in zip(tokens, ends, strict=True):
        yield start, source[start:end].decode(errors="replace"), kind


def _text(token: str) -> str:
    """A token without what follows it up to the next, and without its quotes."""
    token = token.strip()
    if token.startswith('"'):
        inner = token[1:].replace('""', "\0")
        return inner.partition('"')[0].replace("\0", '"')
    return token.split("--")[0].split("/*")[0].strip()
