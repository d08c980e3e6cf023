"""Measures the console of a running copy. deploy/bench-console runs it."""

import http.client
import json
import os
import random
import re
import statistics
import subprocess
import sys
import threading
import time
from datetime import datetime, timedelta, timezone

import pika

sys.path.insert(0, os.path.join(os.environ["CLAIMS_TEST_DEPLOY"], "..", "Tests", "Browser"))

from browser import PROGRAMS, Console, another_api, chromium  # noqa: E402

SECONDS = int(os.environ["CLAIMS_BENCH_SECONDS"])
MESSAGES = int(os.environ["CLAIMS_BENCH_MESSAGES"])
CONSOLES = 10


def report(what, value, unit, limit):
    verdict = "" if value <= limit else "   above the limit"
    print(f"{what:<62} {value:9.2f} {unit:<4} limit {limit} {unit}{verdict}", flush=True)
    return value <= limit


def get(url, path):
    """Requests a path. Returns the status, the body and the seconds."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=120)
    begin = time.monotonic()
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    seconds = time.monotonic() - begin
    connection.close()
    if answer.status != 200:
        raise SystemExit(f"error: GET {path}: {answer.status} {body[:300]!r}")
    return body, seconds


class OpenConsole(threading.Thread):
    """Follows the overview until it is closed."""

    def __init__(self, url):
        super().__init__(daemon=True)
        self.connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
        self.connection.request("GET", "/overview/events", headers={"Accept": "text/event-stream"})
        self.answer = self.connection.getresponse()
        self.events = 0
        self.start()

    def run(self):
        try:
            for line in self.answer:
                if line.startswith(b"event:"):
                    self.events += 1
        except (OSError, ValueError, AttributeError, http.client.HTTPException):
            pass

    def close(self):
        self.connection.sock and self.connection.sock.close()


def cpu(pid):
    """The CPU time of a process until now, in seconds."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def share(pid, seconds):
    """The share of a core that a process uses, in percent."""
    before = cpu(pid)
    begin = time.monotonic()
    time.sleep(seconds)
    return 100 * (cpu(pid) - before) / (time.monotonic() - begin)


def measure_overview():
    """The CPU time of a ClaimAPI that only serves consoles, while another one accepts as many claims as it can."""
    with another_api({}) as (url, program):
        load = subprocess.Popen([os.path.join(PROGRAMS, "claimctl"), "rush", "--users", "1000000", "--coupons", "50"],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            time.sleep(3)
            idle = share(program.pid, SECONDS)
            consoles = [OpenConsole(url) for _ in range(CONSOLES)]
            time.sleep(3)
            before = sum(console.events for console in consoles)
            used = share(program.pid, SECONDS)
            events = (sum(console.events for console in consoles) - before) / CONSOLES / SECONDS
            overview = json.loads(get(url, "/overview")[0])
            for console in consoles:
                console.close()
        finally:
            load.kill()
            load.wait()
    print(f"{overview['accepted_per_second']} claims accepted per second, {events:.2f} events per second and console; share of "
          f"a core without a console {idle:.2f} %, with {CONSOLES} consoles {used:.2f} %")
    return report(f"overview, {CONSOLES} consoles under full load: share of a core", used - idle, "%", 2)


def fill():
    """Puts messages into the dead-letter queue, as workers do."""
    letters = "0123456789abcdefghijklmnopqrstuv"
    source = random.Random(1)
    connection = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))
    channel = connection.channel()
    now = datetime.now(timezone.utc)

    def text(moment):
        return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"

    for number in range(MESSAGES):
        claim = "".join(source.choices(letters, k=40))
        died = now - timedelta(seconds=MESSAGES - number)
        body = json.dumps({"version": 1, "id": claim, "user_id": f"user-{number}", "coupon_name": f"BENCH_{number % 50}",
                           "created_at": text(died - timedelta(seconds=40))}, separators=(",", ":"))
        errors = [{"attempt": attempt, "at": text(died), "worker": "worker-1", "code": "database_error",
                   "message": f"value too long for user-{number}"} for attempt in range(1, 5)]
        channel.basic_publish("", "claims.dead", body, pika.BasicProperties(
            content_type="application/json", delivery_mode=2, message_id=claim, type="claim",
            headers={"attempts": 4, "died_at": text(died), "errors": errors, "reason": "database_error"}))
    # The answer follows all messages.
    channel.queue_declare("claims.dead", passive=True)
    connection.close()


def measure_dead_letters():
    """The time to open a long list, its further pages and its causes."""
    fill()
    with another_api({}) as (url, _):
        console = OpenConsole(url)
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and (json.loads(get(url, "/overview")[0])["dead_letters"] or 0) < MESSAGES:
            time.sleep(0.5)
        time.sleep(5)
        body, first = get(url, "/dlq?limit=100&partial=true")
        body, complete = get(url, "/dlq?limit=100")
        page = json.loads(body)
        if page["total"] < MESSAGES:
            raise SystemExit(f"error: the list has {page['total']} messages")
        pages = []
        for _ in range(10):
            body, seconds = get(url, f"/dlq?limit=100&cursor={page['next_cursor'].replace('=', '%3D').replace('+', '%2B')}")
            page = json.loads(body)
            pages.append(seconds)
        _, filtered = get(url, "/dlq?limit=100&coupon_name=BENCH_7")
        _, causes = get(url, "/dlq/stats")
        _, again = get(url, "/dlq?limit=100&fresh=true")
        console.close()
    print(f"{complete:.2f} s until the list is complete, {again:.2f} s to read the queue again")
    return all([
        report(f"dead letters, {MESSAGES} messages: opening the list", first, "s", 1),
        report("dead letters: the slowest of ten further pages", max(pages), "s", 1),
        report("dead letters: a filter", filtered, "s", 1),
        report("dead letters: causes", causes, "s", 1),
    ])


def measure_page():
    """The first paint without a cache, and the size of all files."""
    paints = []
    for _ in range(5):
        driver = chromium()
        try:
            Console(driver).open()
            paints.append(driver.execute_script("return performance.getEntriesByName('first-contentful-paint')[0].startTime"))
        finally:
            driver.quit()
    url = os.environ["CLAIMS_URL"]
    files, seen = ["/"], set()
    size = 0
    while files:
        path = files.pop()
        if path in seen:
            continue
        seen.add(path)
        body, _ = get(url, path)
        size += len(body)
        text = body.decode()
        files += re.findall(r'"(/console/[a-z.]+)"', text)
        files += [f"/console/{name}" for name in re.findall(r'"\./([a-z]+\.js)"', text)]
    return all([
        report("first paint, the median of five", statistics.median(paints), "ms", 200),
        report(f"size of all {len(seen)} files", size / 1024, "KiB", 150),
    ])


def main():
    results = [measure_page(), measure_overview(), measure_dead_letters()]
    sys.exit(0 if all(results) else 1)


main()
