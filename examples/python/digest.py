"""Reads frames so that each row keeps the text in which it was sent, and hashes that text (B4).

A row's hash is over its exact JSON text, so rows are cut out of the frame and never encoded anew:
Python writes some numbers otherwise (1e-07 for 1e-7).
"""
from __future__ import annotations

import json
import re
from typing import Any

DIGEST_MODULUS = 2**48
_MASK = 0xFFFF_FFFF
_ROWS_IN = ("rows", "upsert")  # the members that hold rows: of SNAPSHOT, and of a DELTA_BATCH's patch

_decode = json.JSONDecoder().raw_decode
_space = re.compile(r"[ \t\n\r]*").match


def hash_row(text: str) -> int:
    """48 bits of a text, two multiplications for each of its UTF-16 code units."""
    low, high = 0xDEADBEEF, 0x41C6CE57
    units = text.encode("utf-16-le")
    for unit in memoryview(units).cast("H") if text else ():
        low = ((low ^ unit) * 2_654_435_761) & _MASK
        high = ((high ^ unit) * 1_597_334_677) & _MASK
    low = (((low ^ low >> 16) * 2_246_822_507) ^ ((high ^ high >> 13) * 3_266_489_909)) & _MASK
    high = (((high ^ high >> 16) * 2_246_822_507) ^ ((low ^ low >> 13) * 3_266_489_909)) & _MASK
    return (high & 0xFFFF) << 32 | low


def read_frame(text: str) -> dict[str, Any]:
    """Parses a frame; each row is a pair of the row and its text. Raises ValueError unless it is a JSON object."""
    try:
        frame, end = _object(text, _after_space(text, 0))
    except IndexError:
        raise ValueError("a frame ends too early") from None
    if _after_space(text, end) != len(text):
        raise ValueError("a frame goes on after its object")
    return frame


def _after_space(text: str, at: int) -> int:
    return _space(text, at).end()  # type: ignore[union-attr]


def _expect(text: str, at: int, wanted: str) -> int:
    if text[at] not in wanted:
        raise ValueError(f"{wanted} expected at {at}, not {text[at]}")
    return _after_space(text, at + 1)


def _object(text: str, at: int) -> tuple[dict[str, Any], int]:
    members: dict[str, Any] = {}
    at = _expect(text, at, "{")
    while text[at] != "}":
        name, at = _decode(text, at)
        at = _expect(text, _after_space(text, at), ":")
        if name in _ROWS_IN and text[at] == "[":
            members[name], at = _rows(text, at)
        elif name == "patch":
            members[name], at = _object(text, at)
        else:
            members[name], at = _decode(text, at)
        at = _after_space(text, at)
        if text[at] != "}":
            at = _expect(text, at, ",")
    return members, at + 1


def _rows(text: str, at: int) -> tuple[list[tuple[dict[str, Any], str]], int]:
    rows: list[tuple[dict[str, Any], str]] = []
    at = _expect(text, at, "[")
    while text[at] != "]":
        row, end = _decode(text, at)
        rows.append((row, text[at:end]))
        at = _after_space(text, end)
        if text[at] != "]":
            at = _expect(text, at, ",")
    return rows, at + 1
