#!/usr/bin/env python3
"""Claims coupons at a fixed rate, and repeats each request with its key until it is accepted.

claimbench counts answers and does not repeat. This program knows for each claim whether it was accepted, so that no
accepted claim can be lost unnoticed. It writes a line for each accepted claim with its id, user, coupon, number of
requests, the time of its 202 and the seconds from its first request to that, and at the end the totals as JSON to standard
output. SIGTERM ends the load: the claims
in progress are finished before that, within a limit.
"""

import argparse
import asyncio
import json
import random
import signal
import time
from urllib.parse import urlsplit

# No answer has come: the connection is refused, closed, or silent for too long.
NO_ANSWER = None


class Connection:
    """A connection to ClaimAPI that is opened when it is needed, and again after an error."""

    def __init__(self, address, timeout):
        self.address = address
        self.timeout = timeout
        self.streams = None

    async def send(self, request):
        """Returns the status and the body of the answer."""
        try:
            return await asyncio.wait_for(self.exchange(request), self.timeout)
        except (OSError, EOFError, asyncio.TimeoutError):
            self.close()
            return NO_ANSWER, b""

    async def exchange(self, request):
        if self.streams is None:
            self.streams = await asyncio.open_connection(self.address.hostname, self.address.port)
        reader, writer = self.streams
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        body = await reader.readexactly(int(fields["content-length"]))
        if fields.get("connection") == "close":
            self.close()
        return int(head.split(" ", 2)[1]), body

    def close(self):
        if self.streams:
            self.streams[1].close()
        self.streams = None


class Load:
    """The claims of one run. Each worker has one connection and one claim at a time."""

    def __init__(self, options, output):
        self.options = options
        self.output = output
        self.due = asyncio.Queue(maxsize=options.connections)
        self.begun = self.accepted = self.repeats = 0
        self.unexpected = {}

    async def run(self):
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        workers = [asyncio.create_task(self.work()) for _ in range(self.options.connections)]
        schedule = asyncio.create_task(self.schedule())
        await stop.wait()
        schedule.cancel()
        try:
            await asyncio.wait_for(self.due.join(), self.options.patience)
        except asyncio.TimeoutError:
            pass  # what is in progress is not accepted
        for worker in workers:
            worker.cancel()
        results = await asyncio.gather(*workers, return_exceptions=True)
        for result in results:
            if not isinstance(result, asyncio.CancelledError):
                raise result
        return {
            "claims": self.begun,
            "accepted": self.accepted,
            "unaccepted": self.begun - self.accepted,
            "repeated_requests": self.repeats,
            "unexpected_answers": self.unexpected,
        }

    async def schedule(self):
        """Makes claims due at the fixed rate. After an outage it makes up for those that found no free connection."""
        started_at = time.monotonic()
        while True:
            while self.begun < (time.monotonic() - started_at) * self.options.rate:
                await self.due.put(self.begun)
                self.begun += 1
            await asyncio.sleep(0.002)

    async def work(self):
        connection = Connection(urlsplit(self.options.url), self.options.timeout)
        while True:
            await self.claim(await self.due.get(), connection)
            self.due.task_done()

    async def claim(self, index, connection):
        """Sends a claim until it is accepted."""
        user = f"{self.options.run}-{index}"
        coupon = f"{self.options.prefix}_{index % self.options.coupons}"
        body = json.dumps({"user_id": user, "coupon_name": coupon}).encode()
        request = (
            f"POST /claims HTTP/1.1\r\nHost: {connection.address.netloc}\r\nContent-Type: application/json\r\n"
            f"Idempotency-Key: {user}\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode() + body
        began = time.time()
        answer, requests = await self.repeat(request, 202, connection)
        accepted = time.time()
        self.accepted += 1
        identifier = json.loads(answer)["id"]
        if self.options.read:
            request = f"GET /claims/{identifier} HTTP/1.1\r\nHost: {connection.address.netloc}\r\n\r\n".encode()
            requests += (await self.repeat(request, 200, connection))[1] - 1
        self.output.write(f"{identifier}\t{user}\t{coupon}\t{requests}\t{accepted:.3f}\t{accepted - began:.3f}\n")

    async def repeat(self, request, expected, connection):
        """Sends a request until it has the expected status. Returns the body and the number of requests."""
        requests = 0
        while True:
            requests += 1
            status, answer = await connection.send(request)
            if status == expected:
                return answer, requests
            if status not in (NO_ANSWER, 503):
                self.unexpected[status] = self.unexpected.get(status, 0) + 1
            self.repeats += 1
            await asyncio.sleep(random.uniform(0.1, 0.3))


async def run(options):
    with open(options.output, "w", encoding="ascii", buffering=1) as output:
        print(json.dumps(await Load(options, output).run()))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True, help="base URL of ClaimAPI, http only")
    parser.add_argument("--rate", type=float, required=True, help="claims per second")
    parser.add_argument("--coupons", type=int, required=True, help="number of coupons, which take turns: PREFIX_0 …")
    parser.add_argument("--prefix", default="PROOF", help="beginning of the coupons' names")
    parser.add_argument("--run", required=True, help="beginning of each user id and key")
    parser.add_argument("--output", required=True, help="file for the accepted claims")
    parser.add_argument("--read", action="store_true", help="also get each accepted claim once")
    parser.add_argument("--connections", type=int, default=128, help="most claims in progress")
    parser.add_argument("--timeout", type=float, default=10, help="seconds to wait for an answer")
    parser.add_argument("--patience", type=float, default=60, help="seconds for the claims in progress at the end")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
