"""A pipeline that publishes its rows on Redis: needs redis-py, and nothing of Tidemark.

It collects records, and flushes them after 200 ms or 50 records, whichever comes first. Each flush
is one message, {"type":"table_rows","table","columns","rows"}, on a stream (which keeps it until
the server has it), on a pub/sub channel (which does not), or on both.

    python3 producer.py redis://localhost:6379 --stream ticks --records 1000
    python3 producer.py redis://localhost:6379 --publish ticks --records 1000
"""
import argparse
import json
import random
import time

import redis

FLUSH_SECONDS = 0.2
FLUSH_RECORDS = 50
COLUMNS = ["symbol", "n", "price"]


class Flow:
    """Collects records and sends them in batches, in order."""

    def __init__(self, send):
        self.send = send
        self.records = []
        self.since = None

    def add(self, record):
        if not self.records:
            self.since = time.monotonic()
        self.records.append(record)
        self.flush_if_due()

    def flush_if_due(self):
        if not self.records:
            return
        is_full = len(self.records) >= FLUSH_RECORDS
        if is_full or time.monotonic() - self.since >= FLUSH_SECONDS:
            self.flush()

    def flush(self):
        if not self.records:
            return
        message = {
            "type": "table_rows",
            "table": "ticks",
            "columns": COLUMNS,
            "rows": self.records,
        }
        # NaN and Infinity are no JSON: send None, or a text.
        self.send(json.dumps(message, allow_nan=False))
        self.records = []


def until_sent(command):
    """Redis may be away for a while. A command that was sent and not answered is sent again."""
    while True:
        try:
            return command()
        except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError):
            time.sleep(0.05)


def stream_sender(client, stream, keep):
    """Appends to a stream, each message once, although a command may be sent again."""
    last_ms = 0

    def send(text):
        nonlocal last_ms
        last_ms = max(last_ms + 1, int(time.time() * 1000))
        # With an id of our own, Redis refuses the second one of two equal commands.
        while not add(text, f"{last_ms}-{random.getrandbits(32)}"):
            newest = until_sent(lambda: client.xinfo_stream(stream))["last-generated-id"]
            last_ms = max(last_ms, int(newest.split(b"-")[0])) + 1

    def add(text, entry_id):
        """False when another producer has added a later entry."""

        def command():
            try:
                client.xadd(stream, {"data": text}, id=entry_id, maxlen=keep, approximate=True)
                return True
            except redis.exceptions.ResponseError as error:
                if "equal or smaller" not in str(error):
                    raise
                # Where the answer to the first attempt was lost, the entry is there.
                found = client.xrange(stream, entry_id, entry_id)
                return bool(found) and found[0][1][b"data"] == text.encode()

        return until_sent(command)

    return send


def pubsub_sender(client, channel):
    """Publishes. Whoever is not connected at the moment misses it."""
    return lambda text: until_sent(lambda: client.publish(channel, text))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--stream")
    parser.add_argument("--publish")
    parser.add_argument("--records", type=int, default=1000)
    parser.add_argument("--per-second", type=float, default=500)
    parser.add_argument("--keep", type=int, default=100_000, help="entries that the stream keeps")
    options = parser.parse_args()
    client = redis.Redis.from_url(options.url, socket_timeout=5)
    senders = []
    if options.stream:
        senders.append(stream_sender(client, options.stream, options.keep))
    if options.publish:
        senders.append(pubsub_sender(client, options.publish))
    flow = Flow(lambda text: [send(text) for send in senders])
    began = time.monotonic()
    for n in range(options.records):
        while time.monotonic() < began + n / options.per_second:
            time.sleep(0.002)
            flow.flush_if_due()
        symbol = f"{'AB'[n % 2]}{n % 10}"
        flow.add([symbol, n, round(random.uniform(1, 100), 2)])
    flow.flush()
    print(f"{options.records} records sent")


if __name__ == "__main__":
    main()
