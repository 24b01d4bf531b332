"""A Tidemark client in Python, written from PROTOCOL.md alone.

It keeps tables of rows up to date over one WebSocket: it applies a turn when its WATERMARK comes,
resumes after a cut from its own positions, asks again for what it missed, and checks digests.
Rules of the protocol are named where they are kept, as P10 or S3.
"""
from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable
from typing import Any

import websockets

from digest import read_frame
from table import Frame, Patch, Query, Table

PROTOCOL_VERSION = 7  # the only version that this client speaks (V1)
CREDIT_TURNS = 64  # how many turns the server may send before it hears from us
CREDIT_RENEWED_AT = 32  # credit is renewed when this much is left
HEARTBEAT_SHARE = 0.8  # of the server's interval, so that a late timer is not too late
SILENCE_SECONDS = 5.0  # P4: a heartbeat that nothing follows for this long means a dead connection
OPEN_SECONDS = 10.0  # for connecting, and again for HELLO
BACKOFF_FIRST_SECONDS = 0.25
BACKOFF_MAX_SECONDS = 15.0
CLOSES_FOR_GOOD = (4401, 4406)  # credentials or versions (P3)


class Refused(Exception):
    """The server does not accept these credentials, or speaks another version."""


class BadFrame(Exception):
    """A frame that breaks the protocol; the next connection continues from the present tables."""


class TidemarkClient:
    """Keeps the tables of `queries` across connections. `on_turn` is called after each WATERMARK."""

    def __init__(self, url: str, queries: list[str | Query], auth: Any = None, on_turn: Callable[[Frame], None] | None = None) -> None:
        self.url, self.auth, self.on_turn = url, auth, on_turn
        self.tables = [Table({"channel": query} if isinstance(query, str) else query) for query in queries]
        self.session_id: str | None = None
        self.seq: int | None = None
        self.gaps = self.drifts = self.digests = self.resumes = 0
        self.notices: list[Frame] = []
        self.clock_offset_ms: float | None = None  # server's clock minus ours (P4)
        self._socket: Any = None
        self._views: dict[str, Table] = {}
        self._asked: dict[int, list[Table]] = {}  # by the id of a SUBSCRIBE or RESYNC; 0 for those of IDENTIFY and RESUME
        self._next_id = 1
        self._credit = 0
        self._heard = 0.0

    async def run(self) -> None:
        """Connects, and reconnects until cancelled or refused."""
        backoff = BACKOFF_FIRST_SECONDS
        while True:
            wait = backoff * random.uniform(0.5, 1.0)
            started = time.monotonic()
            try:
                wait = await self._connection() or wait
            except (OSError, BadFrame, asyncio.TimeoutError, websockets.WebSocketException) as error:
                if getattr(error, "code", None) in CLOSES_FOR_GOOD:
                    raise Refused(str(error)) from error
            lasted = time.monotonic() - started > OPEN_SECONDS
            backoff = BACKOFF_FIRST_SECONDS if lasted else min(backoff * 2, BACKOFF_MAX_SECONDS)
            for table in self.tables:
                if table.error is None:
                    table.status = "stale"
                table.unstage()  # a turn without its watermark is not applied
            await asyncio.sleep(wait)

    async def _connection(self) -> float | None:
        """Runs one connection until it ends. Returns the delay that the server asked for, if any (S6)."""
        async with websockets.connect(self.url, compression=None, max_size=None, ping_interval=None, open_timeout=OPEN_SECONDS) as socket:
            self._socket = socket
            text = await asyncio.wait_for(socket.recv(), OPEN_SECONDS)
            try:
                hello = read_frame(text)
                interval, newest, oldest = hello["heartbeat_interval_ms"] / 1000 * HEARTBEAT_SHARE, hello["protocol"], hello.get("protocol_min", 0)
            except (ValueError, KeyError, TypeError) as error:
                raise BadFrame(f"HELLO expected, not {str(text)[:200]}") from error
            if not oldest <= PROTOCOL_VERSION <= newest:
                raise Refused(f"This client speaks version {PROTOCOL_VERSION}, the server {oldest} to {newest}.")
            await self._begin("RESUME" if self.session_id else "IDENTIFY")
            beats = asyncio.create_task(self._heartbeats(interval))
            try:
                async for text in socket:
                    self._heard = time.monotonic()
                    try:
                        frame = read_frame(text)
                        retry_after = await self._handle(frame)
                    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
                        raise BadFrame(f"{error!r} in {str(text)[:200]}") from error
                    if retry_after is not None:
                        return retry_after
                    if frame.get("type") == "WATERMARK" and self.on_turn is not None:
                        self.on_turn(frame)
                return None
            finally:
                beats.cancel()

    async def _begin(self, op: str) -> None:
        """Sends IDENTIFY or RESUME with a cursor for each table (P2, S1), and credit (B1)."""
        for table in self.tables:
            table.unstage()
        self._asked = {0: list(self.tables)}
        frame: Frame = {"op": op, "protocol": PROTOCOL_VERSION, "protocol_min": PROTOCOL_VERSION, "subscriptions": [table.request() for table in self.tables]}
        if op == "RESUME":
            frame["session_id"] = self.session_id
        if self.auth is not None:
            frame["auth"] = self.auth
        await self._send(frame)
        await self._give_credit()

    async def _send(self, frame: Frame) -> None:
        await self._socket.send(json.dumps(frame, ensure_ascii=True))

    async def _give_credit(self) -> None:
        self._credit = CREDIT_TURNS
        await self._send({"op": "CREDIT", "turns": CREDIT_TURNS})

    async def _heartbeats(self, interval: float) -> None:
        """Sends heartbeats, and closes a connection on which no answer comes (P4)."""
        try:
            while True:
                sent = time.monotonic()
                await self._send({"op": "HEARTBEAT", "client_time_unix_ms": round(time.time() * 1000)})
                await asyncio.sleep(SILENCE_SECONDS)
                if self._heard < sent:
                    self._socket.transport.abort()
                    return
                await asyncio.sleep(max(0.0, interval - SILENCE_SECONDS))
        except websockets.ConnectionClosed:
            return  # the reader hears of it too

    async def _handle(self, frame: Frame) -> float | None:
        """Handles one frame, and ignores unknown ones. Returns the delay in RECONNECT, in seconds."""
        kind = frame.get("type") if frame.get("op") == "DISPATCH" else frame.get("op")
        if kind in ("READY", "RESUMED"):
            self.session_id = frame["session_id"]
            self.resumes += kind == "RESUMED"
        elif kind == "SUBSCRIBED":
            self._subscribed(frame)
        elif kind == "SNAPSHOT":
            await self._snapshot(frame)
        elif kind == "DELTA_BATCH":
            await self._delta(frame)
        elif kind == "DIGEST":
            await self._digest(frame)
        elif kind == "WATERMARK":
            await self._watermark(frame)
        elif kind == "CHANNEL_STATUS":
            for table in self.tables:
                if table.query["channel"] == frame["channel"] and table.error is None:
                    table.status, table.reason = frame["status"], frame.get("reason")
        elif kind == "NOTICE":
            self.notices.append(frame)
            if frame["code"] == "RESET" and frame["view"] in self._views:
                self._views[frame["view"]].partial = None
        elif kind == "ERROR":
            self._refused(frame)
        elif kind == "INVALID_SESSION":
            self.session_id = None
            for table in self.tables:
                table.status = "stale"
                if frame["reason"] in ("revoked", "identity"):
                    table.forget()
            await self._begin("IDENTIFY")
        elif kind == "HEARTBEAT_ACK":
            self.session_id = frame.get("session_id", self.session_id)
            if "client_time_unix_ms" in frame:
                now = time.time() * 1000
                self.clock_offset_ms = frame["server_time_unix_ms"] - (now + frame["client_time_unix_ms"]) / 2
        elif kind == "RECONNECT":
            return frame["retry_after_ms"] / 1000 * random.uniform(1.0, 2.0)
        return None

    def _subscribed(self, frame: Frame) -> None:
        """Finds the table of an answer by the `id` of the request (none for IDENTIFY) and the index in its list (P5)."""
        asked = self._asked[frame.get("id", 0)]
        table = asked[frame["index"]]
        same = next((other for other in self.tables if other is not table and other.view == frame["view"]), None)
        if same is not None:  # two ways to say one query are one view, which is seated anew (P7)
            self.tables[self.tables.index(table)] = asked[frame["index"]] = table = same
        table.view, table.epoch, table.key = frame["view"], frame["epoch"], frame["key"]
        table.columns = {column["name"]: column["type"] for column in frame["columns"]}
        table.order_by, table.error = frame["order_by"], None
        table.unstage()
        table.awaited = False
        self._views[table.view] = table
        if frame["mode"] == "delta":
            table.local = frame["from_seq"]
        else:
            table.reason = frame["reason"]
            table.local = None  # the old rows stay, as stale, until the snapshot is through (P8)
            if table.reason == "policy":
                table.forget()

    def _refused(self, frame: Frame) -> None:
        asked = self._asked.get(frame.get("id", 0), [])
        ended = self._views.pop(frame.get("view", ""), None)
        if ended is not None:  # the server keeps this view no longer (P9)
            ended.error, ended.status = frame, "refused"
            ended.forget()
        elif "index" in frame and frame["index"] < len(asked):
            table = asked[frame["index"]]
            table.error, table.status = frame, "refused"
        elif frame["code"] in ("UNAUTHENTICATED", "PROTOCOL_MISMATCH"):
            raise Refused(frame["message"])
        else:
            self.notices.append(frame)

    async def _snapshot(self, frame: Frame) -> None:
        table = self._views.get(frame.get("view", frame["channel"]))
        if table is None or table.awaited:
            return
        if frame["part"] == 0:
            table.partial = Patch(frame["seq"], fresh=True)
        await self._take_part(table, frame, frame["rows"], [])

    async def _delta(self, frame: Frame) -> None:
        """P10: ignores known deltas, applies the next one, and resyncs after a gap."""
        table = self._views.get(frame.get("view", frame["channel"]))
        if table is None or table.awaited:
            return
        position = table.position()
        if position is None or frame["prev_seq"] > position:
            await self._ask_again(table)
        elif frame["seq"] > position:
            if frame.get("part", 0) == 0:
                table.partial = Patch(frame["seq"])
            await self._take_part(table, frame, frame["patch"]["upsert"], frame["patch"]["remove"])

    async def _digest(self, frame: Frame) -> None:
        """B4: the digest is of the view at exactly its seq; a table below that seq has missed a frame."""
        table = self._views.get(frame.get("view", frame["channel"]))
        if table is None or table.awaited:
            return
        position = table.position()
        if position is None or frame["seq"] > position:
            await self._ask_again(table)
        elif frame["seq"] == position:
            table.staged.append(Patch(position, digest=frame["digest"]))

    async def _take_part(self, table: Table, frame: Frame, rows: list[tuple[Row, str]], remove: list[str]) -> None:
        """Collects the parts of a snapshot or delta, and stages it after the last one. A missing part is a gap."""
        partial = table.partial
        if partial is None or partial.next_part != frame.get("part", 0) or partial.seq != frame["seq"]:
            await self._ask_again(table)
            return
        partial.next_part += 1
        partial.remove += remove
        partial.upsert.update((table.key_of(row), (row, text)) for row, text in rows)
        if not frame.get("more"):
            table.staged.append(partial)
            table.partial = None

    async def _ask_again(self, table: Table, reason: str = "gap") -> None:
        """S5: resyncs from the seq of the table, or from a fresh snapshot when its rows are wrong."""
        if reason == "gap":
            self.gaps += 1
        frame: Frame = {"op": "RESYNC", "id": self._next_id, "view": table.view, "reason": reason}
        if reason == "gap" and table.local is not None:
            frame["seq"] = table.local
        table.unstage()
        self._asked[self._next_id] = [table]
        self._next_id += 1
        await self._send(frame)

    async def _watermark(self, frame: Frame) -> None:
        """P11: applies the turn. A table with missing parts, whose view is not behind, has lost a frame."""
        behind = frame.get("behind", [])
        for table in self.tables:
            drift = False
            for patch in table.staged:
                if patch.digest is None:
                    table.apply(patch)
                    continue
                self.digests += 1
                drift = drift or table.digest() != int(patch.digest, 16)
            table.staged = []
            if drift:
                self.drifts += 1
                await self._ask_again(table, "drift")
            elif table.partial is not None and table.view not in behind:
                await self._ask_again(table)
        self.seq = frame["seq"]
        self._credit -= 1
        if self._credit <= CREDIT_RENEWED_AT:
            await self._give_credit()
