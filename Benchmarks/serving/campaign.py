"""Load test of phd serve: starts a server and runs clients, some of which disconnect, send malformed or 100 MB bodies.

  Benchmarks/serving/campaign.py CHECKPOINT [--minutes 5] [--clients 16] [options of phd serve]

Prints the number of requests by outcome, tokens per second, and the server's resident memory. The exit status is 1 if
the server died, an answer was wrong, or memory grew by more than 64 MiB after the first tenth of the time. Needs only
Python.
"""

import argparse
import collections
import http.client
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Campaign:
    def __init__(self, port):
        self.port = port
        self.outcomes = collections.Counter()
        self.tokens = 0
        self.faults = []
        self.lock = threading.Lock()

    def note(self, outcome, tokens=0):
        with self.lock:
            self.outcomes[outcome] += 1
            self.tokens += tokens

    def post(self, body, headers=None, timeout=120):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        connection.request("POST", "/v1/completions", body, {"Content-Type": "application/json", **(headers or {})})
        return connection, connection.getresponse()

    def whole(self, draw):
        prompt = [draw.randrange(256) for _ in range(draw.randrange(1, 400))]
        prompts = [prompt] * draw.choice((1, 1, 3))
        fields = draw.choice(({"temperature": 0}, {"seed": draw.randrange(9)}, {"echo": True, "logprobs": 3}, {"n": 2}))
        count = draw.randrange(1, 80)
        connection, response = self.post(json.dumps({"prompt": prompts, "max_tokens": count, **fields}))
        answer = json.loads(response.read())
        connection.close()
        if response.status == 200:
            expected = len(prompts) * fields.get("n", 1)
            if len(answer["choices"]) != expected or answer["usage"]["completion_tokens"] > count * expected:
                raise ValueError(f"wrong answer: {str(answer)[:300]}")
        self.note(f"whole {response.status}", answer.get("usage", {}).get("completion_tokens", 0))

    def stream(self, draw, leaves):
        count = draw.randrange(20, 300)
        body = {"prompt": [draw.randrange(256) for _ in range(draw.randrange(1, 200))], "max_tokens": count,
                "stream": True, "return_token_ids": True, "ignore_eos": True}
        connection, response = self.post(json.dumps(body))
        tokens, stops = 0, draw.randrange(1, 30)
        for line in response:
            if line.startswith(b"data: {"):
                tokens += len(json.loads(line[6:])["choices"][0]["token_ids"])
                if leaves and tokens >= stops:
                    connection.sock and connection.sock.close()
                    connection.close()
                    return self.note("stream abandoned", tokens)
            elif line.startswith(b"data: [DONE]") and tokens != count:
                raise ValueError(f"a stream had {tokens} tokens instead of {count}")
        connection.close()
        self.note(f"stream {response.status}", tokens)

    def hang_up(self, draw):
        """Sends a request and disconnects, sometimes in the middle of the body."""
        body = json.dumps({"prompt": [1, 2, 3], "max_tokens": 4000 - 3, "ignore_eos": True}).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.putrequest("POST", "/v1/completions")
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body[: draw.choice((len(body), len(body) // 2))])
        time.sleep(draw.random() / 2)
        connection.close()
        self.note("disconnected")

    def malformed(self, draw):
        body = draw.choice((b"{", b'{"prompt":', b"\xff\xfe", b"[" * 50_000, b'{"prompt":"a","max_tokens":"x"}', b"null"))
        connection, response = self.post(body)
        response.read()
        connection.close()
        if response.status != 400:
            raise ValueError(f"{body[:50]}: expected status 400, got {response.status}")
        self.note("malformed 400")

    def large(self):
        connection, response = self.post(b" " * 100_000_000)
        response.read()
        connection.close()
        if response.status != 413:
            raise ValueError(f"100 MB body: expected status 413, got {response.status}")
        self.note("100 MB 413")

    def client(self, number, end):
        draw = random.Random(number)
        while time.monotonic() < end:
            try:
                kind = draw.random()
                if kind < 0.45:
                    self.whole(draw)
                elif kind < 0.8:
                    self.stream(draw, leaves=draw.random() < 0.3)
                elif kind < 0.9:
                    self.hang_up(draw)
                elif kind < 0.99 or number:
                    self.malformed(draw)
                else:
                    self.large()
            except Exception as error:
                with self.lock:
                    self.faults.append(f"client {number}: {type(error).__name__} {error}")
                time.sleep(0.1)


def resident(process):
    with open(f"/proc/{process}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1]) / 1024


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("checkpoint")
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--clients", type=int, default=16)
    arguments, options = parser.parse_known_args()
    program = os.path.join(ROOT, ".build/release/phd")
    server = subprocess.Popen(
        [program, "serve", "--checkpoint", arguments.checkpoint, "--port", "0", *options], stdout=subprocess.PIPE, text=True
    )
    line = server.stdout.readline()
    print(line.strip())
    campaign = Campaign(int(re.search(r":(\d+)/v1", line)[1]))
    start, first = time.monotonic(), resident(server.pid)
    end = start + 60 * arguments.minutes
    clients = [threading.Thread(target=campaign.client, args=(n, end)) for n in range(arguments.clients)]
    for client in clients:
        client.start()
    early, highest = None, first
    while time.monotonic() < end and server.poll() is None:
        time.sleep(0.2)
        if server.poll() is not None:
            break
        highest = max(highest, resident(server.pid))
        if early is None and time.monotonic() > start + 6 * arguments.minutes:
            campaign.large()
            early = resident(server.pid)
    for client in clients:
        client.join()
    died = server.poll() is not None
    seconds = time.monotonic() - start
    last = 0 if died else resident(server.pid)
    if not died:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=30)
    print(f"{sum(campaign.outcomes.values())} requests in {seconds:.0f} s from {arguments.clients} clients")
    for outcome, count in sorted(campaign.outcomes.items()):
        print(f"  {outcome:20} {count}")
    print(f"{campaign.tokens} tokens, {campaign.tokens / seconds:.0f} per second")
    print(f"resident: {first:.0f} MiB at the start, {early or 0:.0f} after a tenth of the time, {last:.0f} at the end, "
          f"{highest:.0f} at the peak; exit status {server.returncode}")
    for fault in campaign.faults[:20]:
        print(f"failed: {fault}")
    sys.exit(died or server.returncode != 0 or bool(campaign.faults) or last > (early or first) + 64)


main()
