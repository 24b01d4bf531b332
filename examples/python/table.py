"""One query's rows as of the last watermark, what is staged for the next, and how rows are put in order."""
from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from digest import DIGEST_MODULUS, hash_row

Frame = dict[str, Any]
Query = dict[str, Any]
Row = dict[str, Any]


@dataclass
class Patch:
    """The effect of one complete delta or snapshot; `fresh` replaces all rows, a digest changes none."""

    seq: int
    upsert: dict[str, tuple[Row, str]] = field(default_factory=dict)
    remove: list[str] = field(default_factory=list)
    fresh: bool = False
    digest: str | None = None
    next_part: int = 0


@dataclass
class Table:
    """One query's rows as of the last watermark, and what is staged for the next."""

    query: Query
    view: str | None = None
    epoch: str | None = None
    key: list[str] = field(default_factory=list)
    columns: dict[str, str] = field(default_factory=dict)
    order_by: list[Frame] = field(default_factory=list)
    rows: dict[str, Row] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)  # rows that no digest has asked about yet, as they were sent
    hashes: dict[str, int] = field(default_factory=dict)  # of the others
    local: int | None = None  # the seq of the last snapshot or delta that was applied (P10)
    status: str = "connecting"
    reason: str | None = None  # why it is stale, or why it began anew
    error: Frame | None = None  # the ERROR that refused it
    staged: list[Patch] = field(default_factory=list)
    partial: Patch | None = None  # a snapshot, or a seq, of which more parts come
    awaited: bool = False  # subscribed (again), and not answered yet: frames of the old subscription are ignored

    def position(self) -> int | None:
        """The seq of the table after the staged patches are applied."""
        return self.staged[-1].seq if self.staged else self.local

    def request(self) -> Query:
        """The query, with a cursor if there is a seq to continue from."""
        if self.local is None or self.view is None:
            return self.query
        return {**self.query, "cursor": {"epoch": self.epoch, "view": self.view, "seq": self.local}}

    def forget(self) -> None:
        """Drops rows that may not be shown any more (S4)."""
        self.rows, self.texts, self.hashes, self.local = {}, {}, {}, None

    def unstage(self) -> None:
        self.staged, self.partial, self.awaited = [], None, True

    def key_of(self, row: Row) -> str:
        values = [key_text(row.get(column)) for column in self.key]
        return values[0] if len(values) == 1 else json.dumps(values, ensure_ascii=False, separators=(",", ":"))

    def apply(self, patch: Patch) -> None:
        if patch.fresh:
            self.rows, self.texts, self.hashes = {}, {}, {}
        for key in patch.remove:
            for held in (self.rows, self.texts, self.hashes):
                held.pop(key, None)
        for key, (row, text) in patch.upsert.items():
            self.rows[key], self.texts[key] = row, text
        self.local = patch.seq

    def digest(self) -> int:
        """Hashes the rows that changed since the last digest: hashing is slow in Python, and digests are rare."""
        self.hashes.update((key, hash_row(text)) for key, text in self.texts.items())
        self.texts = {}
        return sum(self.hashes.values()) % DIGEST_MODULUS

    def ordered(self) -> list[Row]:
        """The rows in the order of the view (P6), ties by key; on the wire they have no order."""
        rows = sorted(self.rows.items(), key=lambda item: item[0])
        for term in reversed(self.order_by):
            column, last = term["column"], term["nulls"] == "last"
            rank = order_of(self.columns.get(column, "any"))
            some = [item for item in rows if item[1].get(column) is not None]
            nulls = [item for item in rows if item[1].get(column) is None]
            # A reversed sort keeps the order of equal rows, so ties stay by key.
            some.sort(key=lambda item: rank(item[1][column]), reverse=term["direction"] == "desc")
            rows = some + nulls if last else nulls + some
        return [row for _, row in rows]


def key_text(value: Any) -> str:
    """One key value as text."""
    return value if isinstance(value, str) else json.dumps(value)


def order_of(kind: str) -> Callable[[Any], Any]:
    """A sort key for values of a column type; NaN is the greatest."""
    if kind in ("integer", "float", "bigint", "numeric"):
        number = Decimal if kind in ("bigint", "numeric") else float
        return lambda value: (True, 0) if value == "NaN" else (False, number(value))
    if kind in ("text", "timestamp", "date"):
        return lambda value: value
    return lambda value: value if isinstance(value, str) else json.dumps(value)
