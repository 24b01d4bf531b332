"""Watches queries on a Tidemark server, and prints what it holds.

    /usr/bin/python3 watch.py ws://localhost:8080/v2/stream trades '{"channel": "trades", "limit": 3, "order_by": [{"column": "price"}]}'
"""
from __future__ import annotations

import argparse
import asyncio
import json
import sys
from typing import Any

from tidemark_client import Refused, TidemarkClient


def report(client: TidemarkClient, watermark: dict[str, Any], with_rows: bool) -> str:
    """One line of JSON per watermark: the state of each table, and with --rows its rows."""
    behind = watermark.get("behind", [])
    views = [
        {
            "view": table.view,
            "rows": table.ordered() if with_rows else len(table.rows),
            "local": table.local,
            "status": table.status,
            "behind": table.view in behind or table.awaited or table.local is None,
            **({"error": table.error["code"]} if table.error else {}),
        }
        for table in client.tables
    ]
    counts = {"digests": client.digests, "drifts": client.drifts, "gaps": client.gaps, "resumes": client.resumes}
    return json.dumps({"seq": watermark["seq"], "as_of": watermark["as_of"], "behind": behind, "views": views, **counts})


async def watch(arguments: argparse.Namespace) -> None:
    queries = [json.loads(text) if text.startswith("{") else text for text in arguments.queries]
    client = TidemarkClient(arguments.url, queries, auth=json.loads(arguments.auth) if arguments.auth else None)

    def on_turn(watermark: dict[str, Any]) -> None:
        if arguments.json:
            print(report(client, watermark, arguments.rows), flush=True)
            return
        for table in client.tables:
            error = f" {table.error['message']}" if table.error else ""
            print(f"{watermark['seq']:>8} {table.query['channel']} {table.status}: {len(table.rows)} rows{error}")

    client.on_turn = on_turn
    await asyncio.wait_for(client.run(), arguments.seconds)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url", help="ws://host:port/v2/stream")
    parser.add_argument("queries", nargs="+", help="a channel's name, or a query as JSON")
    parser.add_argument("--json", action="store_true", help="one line of JSON per WATERMARK")
    parser.add_argument("--rows", action="store_true", help="with --json: the rows, in order, in place of their number")
    parser.add_argument("--auth", help="what IDENTIFY carries as auth, as JSON")
    parser.add_argument("--seconds", type=float, help="stop after this long")
    try:
        asyncio.run(watch(parser.parse_args()))
    except asyncio.TimeoutError:
        return 0
    except KeyboardInterrupt:
        return 130
    except Refused as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
