"""A client of gpu_worker for the tests in Python: one process of it, and its steps as functions."""

from __future__ import annotations

import base64
import json
import os
import struct
import subprocess
import sys
import time
from pathlib import Path

RUNNER = Path(__file__).parents[2] / "tools" / "worker" / "gpu_worker"
BASE, SLOTS, SLOT_BYTES = 0x1000_0000_0000, 16, 0x10_0000_0000
GIB = 1 << 30


class Runner:
    def __init__(self, device: int = 0, **more: object) -> None:
        start = time.monotonic()
        read, write = os.pipe()
        command = [sys.executable, "-I", "-S", "-B", str(RUNNER), "--reply-fd", str(write)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[write])
        os.close(write)
        self.replies = os.fdopen(read, "rb")
        self.id = 0
        self.hello = self.ask(
            op="hello",
            device_index=device,
            base=hex(BASE),
            slots=SLOTS,
            slot_bytes=hex(SLOT_BYTES),
            **more,
        )
        self.hello_ms = (time.monotonic() - start) * 1e3

    def ask(self, **request: object) -> dict:
        self.id += 1
        self.process.stdin.write(json.dumps({"id": self.id, **request}).encode() + b"\n")
        self.process.stdin.flush()
        line = self.replies.readline()
        reply = json.loads(line) if line else {"ok": False, "fault": {"kind": "nothing"}}
        assert reply.get("id", self.id) == self.id, reply
        return reply

    def load(self, name: str, path: Path) -> dict:
        return self.ask(op="load", module=name, image_path=str(path))

    def run(self, *steps: dict, limit_ms: int = 20_000) -> dict:
        return self.ask(op="run", time_limit_ms=limit_ms, steps=list(steps))

    def end(self) -> int:
        """At the end of its requests it leaves in good order."""
        self.process.stdin.close()
        code = self.process.wait(30)
        self.replies.close()
        return code


def end_of(slot: int) -> int:
    return BASE + (slot + 1) * SLOT_BYTES


def fill(address: int, size: int, pattern: str, **more: str) -> dict:
    return {"do": "fill", "address": hex(address), "bytes": size, "pattern": pattern, **more}


def mapped(address: int, size: int) -> dict:
    return {"do": "map", "address": hex(address), "bytes": size}


def read(address: int, size: int = 4) -> dict:
    return {"do": "read", "address": hex(address), "bytes": size}


def launch(kernel: str, form: str = "", *values: float, **more: object) -> dict:
    """`form`: struct's letters, one a parameter."""
    step: dict = {
        "do": "launch",
        "module": "candidate",
        "kernel": kernel,
        "grid": [1, 1, 1],
        "block": [1, 1, 1],
        "dynamic_shared_bytes": 0,
        "params": [
            base64.b64encode(struct.pack("<" + letter, value)).decode()
            for letter, value in zip(form, values, strict=True)
        ],
    }
    step.update(more)
    return step


SYNC = {"do": "synchronize"}


def values(reply: dict, at: int = -1) -> list[int]:
    if not reply["ok"]:
        print("REFUSED", reply, flush=True)
        return []
    data = base64.b64decode(reply["results"][at]["data"])
    return list(struct.unpack(f"<{len(data) // 4}I", data))


def fault_of(reply: dict) -> str:
    return reply["fault"]["kind"] if not reply["ok"] else "none"


def place_is_right(runner: Runner) -> bool:
    hello = runner.hello
    return (
        hello["guarded"] and hello["base"] == hex(BASE) and hello["slot_bytes"] == hex(SLOT_BYTES)
    )
