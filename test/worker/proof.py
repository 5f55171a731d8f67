"""What a proof on a GPU collects: checks by name, times in milliseconds, notes."""

from __future__ import annotations

import statistics
import time

checks: dict[str, bool] = {}
times: dict[str, float] = {}
notes: dict[str, object] = {}


def check(name: str, right: bool, seen: object = None) -> None:
    checks[name] = bool(right)
    print("ok  " if right else "BAD ", name, "" if right else seen, flush=True)


def timed(action) -> tuple[object, float]:
    start = time.monotonic()
    result = action()
    return result, (time.monotonic() - start) * 1e3


def median(action, after=lambda: None, count: int = 21) -> float:
    taken = []
    for _ in range(count):
        reply, ms = timed(action)
        assert reply["ok"], reply
        taken.append(ms)
        after()
    return statistics.median(taken)
