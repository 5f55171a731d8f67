"""Part of prove_on_gpu.py: faults that cost the context, and images that are no modules."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

from proof import check, notes, times
from runner_client import (
    BASE,
    GIB,
    SLOT_BYTES,
    SYNC,
    Runner,
    end_of,
    fault_of,
    fill,
    launch,
    mapped,
    place_is_right,
    read,
    values,
)


def losses(cubin: Path) -> None:
    """Each fault on a runner of its own; then the time until the next one is up and computes."""
    end = end_of(5)
    space = mapped(end - 4096, 4096)
    unmapped = BASE + 5 * SLOT_BYTES + GIB
    past_in_graph = {"do": "capture", "name": "g", "steps": [launch("store", "QI", end, 1)]}
    replay = {"do": "replay", "name": "g"}
    cases: dict[str, tuple[str, list[dict], int]] = {
        "store_past_the_end_in_a_replay": ("illegal_address", [past_in_graph, replay], 5000),
        "store_past_the_end": ("illegal_address", [launch("store", "QI", end, 1)], 5000),
        "read_of_unmapped": ("illegal_address", [launch("copy", "QQ", end - 8, unmapped)], 5000),
        "misaligned": ("misaligned_address", [launch("misaligned", "Q", end - 64)], 5000),
        "trap": ("trap", [launch("trap", "")], 5000),
        "assert": ("trap", [launch("assert_fails", "i", 1)], 5000),
        "hang": ("timed_out", [fill(end - 64, 4, "00"), launch("hang", "Q", end - 64)], 1000),
        "hang_flooded": ("timed_out", [launch("hang", "Q", end - 64)] * 3000, 1000),
    }
    for name, (kind, steps, limit_ms) in cases.items():
        runner = Runner()
        runner.load("candidate", cubin)
        runner.run(space, fill(end - 64, 4, "00"))
        start = time.monotonic()
        reply = runner.run(*steps, SYNC, limit_ms=limit_ms)
        replied = time.monotonic()
        if reply["ok"] or not reply["fault"].get("exits", True):
            runner.process.stdin.close()
        runner.process.wait(30)
        ended = time.monotonic()
        check(f"{name} is {kind}", fault_of(reply) == kind, reply)
        check(f"{name}: exit code 0", runner.process.returncode == 0, runner.process.returncode)
        notes[f"{name}_message"] = reply.get("fault", {}).get("message")
        fresh = healthy(cubin)
        times[f"{name}_reply_ms"] = (replied - start) * 1e3
        times[f"{name}_exit_ms"] = (ended - replied) * 1e3
        times[f"{name}_healthy_again_ms"] = (time.monotonic() - replied) * 1e3
        check(f"{name}: the next runner computes", fresh)
    runner = Runner()
    runner.load("candidate", cubin)
    runner.run(space, fill(end - 64, 4, "00"))
    request = {"id": 99, "op": "run", "time_limit_ms": 20_000, "steps": [cases["hang"][1][1]]}
    runner.process.stdin.write(json.dumps(request).encode() + b"\n")
    runner.process.stdin.flush()
    time.sleep(0.3)
    start = time.monotonic()
    runner.process.kill()
    runner.process.wait(30)
    times["killed_in_a_hang_exit_ms"] = (time.monotonic() - start) * 1e3
    check("killed in a hang: the next runner computes", healthy(cubin))


def healthy(cubin: Path) -> bool:
    runner = Runner()
    at = end_of(5) - 4096
    loaded = runner.hello["ok"] and runner.load("candidate", cubin)["ok"]
    same_place = loaded and place_is_right(runner)
    reply = runner.run(mapped(at, 4096), launch("store", "QI", at, 17), read(at))
    runner.end()
    return bool(same_place) and values(reply) == [17]


def refusals(cubin: Path) -> None:
    """Machine code that is not whole, or not code, must not bring the runner down."""
    runner = Runner()
    image = cubin.read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        for name, bytes_ in {
            "half of a cubin": image[: len(image) // 2],
            "a header": image[:64],
            "PTX with a mistake": b".version 6.3\n.target sm_75\n.address_size 64\nmistake;",
            "nothing": b"",
        }.items():
            path = Path(folder) / "image"
            path.write_bytes(bytes_)
            reply = runner.load("candidate", path)
            check(f"{name} is no module", fault_of(reply) == "module_load_failed", reply)
            notes[f"load of {name}"] = reply.get("fault", {}).get("message")
    check("the runner is still there", runner.load("candidate", cubin)["ok"])
    runner.end()
