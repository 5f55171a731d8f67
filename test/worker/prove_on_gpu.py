"""Proves gpu_worker on a real GPU of compute capability 9.0 and writes what it found as JSON.

    python3 test/worker/prove_on_gpu.py results.json      needs nvcc on PATH or in /usr/local/cuda/bin

Standard library only, no Node. Ends with code 1 where something is not as it must be.
"""

from __future__ import annotations

import base64
import json
import os
import platform
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path

ROOT = Path(__file__).parents[2]
RUNNER = ROOT / "tools" / "worker" / "gpu_worker"
KERNELS = ROOT / "test" / "fixtures" / "worker" / "runner_kernels.cu"
BASE, SLOTS, SLOT_BYTES = 0x1000_0000_0000, 16, 0x10_0000_0000
GIB = 1 << 30

checks: dict[str, bool] = {}
times: dict[str, float] = {}
notes: dict[str, object] = {}


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


def launch(kernel: str, form: str, *values: float, **more: object) -> dict:
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


def check(name: str, right: bool, seen: object = None) -> None:
    checks[name] = bool(right)
    print("ok  " if right else "BAD ", name, "" if right else seen, flush=True)


def fault_of(reply: dict) -> str:
    return reply["fault"]["kind"] if not reply["ok"] else "none"


def timed(action) -> tuple[object, float]:
    start = time.monotonic()
    result = action()
    return result, (time.monotonic() - start) * 1e3


def compiled(folder: Path) -> tuple[Path, Path]:
    nvcc = shutil.which("nvcc") or "/usr/local/cuda/bin/nvcc"
    cubin, ptx = folder / "kernels.cubin", folder / "kernels.ptx"
    subprocess.run([nvcc, "-arch=sm_90", "-cubin", "-o", cubin, KERNELS], check=True)
    subprocess.run([nvcc, "-arch=sm_75", "-ptx", "-o", ptx, KERNELS], check=True)
    return cubin, ptx


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        cubin, ptx = compiled(Path(folder))
        runner = Runner()
        times["hello_first_ms"] = runner.hello_ms
        if not runner.hello["ok"]:
            print(runner.hello)
            return 1
        device = runner.hello["device"]
        check("slots are guarded and lie where asked", place_is_right(runner), runner.hello)
        sections = (
            lambda: memory_and_modules(runner, cubin, ptx),
            lambda: launch_forms(runner),
            lambda: streams_and_graphs(runner),
            lambda: large_memory(runner),
            lambda: costs(runner, cubin, ptx),
            runner.end,
            lambda: starts(cubin),
            lambda: losses(cubin),
            lambda: refusals(cubin),
        )
        for at, section in enumerate(sections):
            try:
                section()
            except Exception as error:  # noqa: BLE001 - what was measured is written all the same
                check(f"section {at}", False, repr(error))
    result = {
        "device": device["name"],
        "compute_capability": device["compute_capability"],
        "driver_version": device["driver_version"],
        "cuda_driver_version": device["cuda_driver_version"],
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "times": {name: round(value, 3) for name, value in times.items()},
        "notes": notes,
        "checks": checks,
    }
    Path(sys.argv[1]).write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    wrong = [name for name, right in checks.items() if not right]
    print(f"{len(checks) - len(wrong)} of {len(checks)} hold; not: {wrong}")
    return 1 if wrong else 0


def place_is_right(runner: Runner) -> bool:
    hello = runner.hello
    return (
        hello["guarded"] and hello["base"] == hex(BASE) and hello["slot_bytes"] == hex(SLOT_BYTES)
    )


def memory_and_modules(runner: Runner, cubin: Path, ptx: Path) -> None:
    loaded = runner.load("candidate", cubin)
    times["load_cubin_first_ms"] = loaded["load_ms"]
    jitted = runner.load("older", ptx)
    check("PTX for sm_75 is compiled by the driver", jitted["ok"], jitted)
    times["load_ptx_sm_75_first_ms"] = jitted["load_ms"]
    notes["jit_log"] = jitted["log"]
    at = end_of(0) - 4096
    reply = runner.run(
        mapped(at, 4096),
        fill(at, 4096, "7fc0"),
        launch("store", "QI", at + 4, 41),
        launch("add", "QI", at + 4, 1, module="older"),
        read(at, 16),
    )
    check(
        "fill, cubin and PTX work on one place",
        values(reply) == [0x7FC07FC0, 42] + [0x7FC07FC0] * 2,
    )
    pair = base64.b64encode(struct.pack("<QI4x", at, 7)).decode()
    reply = runner.run(launch("store_pair", "", params=[pair]), read(at))
    check("a struct is one parameter", values(reply) == [7], reply)
    counts = [values(runner.run(launch("count_calls", "Q", at), read(at)))[0] for _ in range(2)]
    runner.load("candidate", cubin)
    counts += values(runner.run(launch("count_calls", "Q", at), read(at)))
    check("a load resets the module's globals", counts == [1, 2, 1], counts)
    reply = runner.run(launch("store", "Q", at))
    check("too few params are refused", fault_of(reply) == "bad_request", reply)
    notes["refused_params"] = reply.get("fault", {}).get("message")


def launch_forms(runner: Runner) -> None:
    at = end_of(1) - 4096
    runner.run(mapped(at, 4096), fill(at, 4096, "00"))
    reply = runner.run(
        launch("cluster_ranks", "Q", at, grid=[4, 1, 1], cluster=[4, 1, 1]), read(at, 16)
    )
    check("clusters of 4", values(reply) == [400, 401, 402, 403], reply)
    reply = runner.run(
        launch("cluster_ranks", "Q", at, grid=[16, 1, 1], cluster=[16, 1, 1]), read(at, 64)
    )
    check("clusters of 16", values(reply) == [1600 + rank for rank in range(16)], reply)
    blocks = 132
    reply = runner.run(
        fill(at, 4, "00"),
        launch(
            "grid_sum", "QQ", at, at + 256, grid=[blocks, 1, 1], block=[64, 1, 1], cooperative=True
        ),
        read(at + 256, 4 * blocks),
    )
    check("cooperative launch", set(values(reply)) == {blocks * (blocks - 1) // 2}, reply)
    size = 200 * 1024
    reply = runner.run(
        launch("large_shared", "QI", at, size, block=[256, 1, 1], dynamic_shared_bytes=size),
        read(at),
    )
    check("200 KiB of dynamic shared memory", values(reply) == [size // 4 - 1], reply)
    for consumer, wanted in (("waiting_consumer", 9), ("hasty_consumer", 0)):
        reply = runner.run(
            fill(at, 8, "00"),
            launch("early_producer", "QI", at, 9),
            launch(consumer, "QQ", at + 4, at, programmatic_stream_serialization=True),
            read(at + 4),
        )
        check(f"programmatic launch: {consumer} sees {wanted}", values(reply) == [wanted], reply)
    reply = runner.run(launch("store", "QI", at, 1, block=[2048, 1, 1]))
    notes["too_many_threads"] = reply.get("fault", {}).get("message")
    check("a wrong launch is refused and costs nothing", reply["fault"]["exits"] is False, reply)


def streams_and_graphs(runner: Runner) -> None:
    at = end_of(2) - 4096
    runner.run(mapped(at, 4096))
    wait = {"do": "wait", "stream": "call", "for": "side"}
    for name, between, wanted in (("waits", [wait], 5), ("hurries", [], 0)):
        reply = runner.run(
            fill(at, 8, "00"),
            SYNC,
            {"do": "delay", "microseconds": 20_000, "stream": "side"},
            launch("store", "QI", at, 5, stream="side"),
            *between,
            launch("copy", "QQ", at + 4, at),
            read(at + 4),
        )
        check(f"a call that {name} sees {wanted} of a late producer", values(reply) == [wanted])
        notes[f"gpu_ms_of_20_ms_delay_{name}"] = reply.get("gpu_ms")
    reply = runner.run(
        fill(at, 8, "00"),
        SYNC,
        {"do": "delay", "microseconds": 20_000, "stream": "call"},
        launch("store", "QI", at, 5),
        launch("copy", "QQ", at + 4, at, stream="default"),
        {"do": "synchronize", "stream": "default"},
        read(at + 4),
    )
    check("the default stream does not wait for the call", values(reply) == [0], reply)
    graph = [
        launch("add", "QI", at, 3),
        launch("add", "QI", at, 4, programmatic_stream_serialization=True),
        {"do": "copy", "to": hex(at + 8), "from": hex(at), "bytes": 4},
        fill(at + 12, 4, "aa"),
    ]
    reply = runner.run(
        fill(at, 16, "00"),
        {"do": "capture", "name": "g", "steps": graph},
        read(at, 16),
        {"do": "replay", "name": "g", "times": 5},
        read(at, 16),
    )
    check("capture alone does nothing", values(reply, 2) == [0, 0, 0, 0], reply)
    check("five replays", values(reply) == [35, 0, 35, 0xAAAAAAAA], reply)
    reply = runner.run(fill(at, 4, "00"), {"do": "replay", "name": "g"}, read(at, 4))
    check("a replay reads what is there now", values(reply) == [7], reply)
    fork = {"do": "wait", "stream": "side", "for": "call"}
    graph = [
        launch("add", "QI", at, 1),
        fork,
        launch("add", "QI", at + 4, 2, stream="side"),
        {"do": "wait", "stream": "call", "for": "side"},
        launch("copy", "QQ", at + 8, at + 4),
    ]
    reply = runner.run(
        fill(at, 16, "00"),
        {"do": "capture", "name": "fork", "steps": graph},
        {"do": "replay", "name": "fork", "times": 3},
        read(at, 12),
    )
    check("a graph with a fork and a join", values(reply) == [3, 6, 6], reply)
    reply = runner.run({"do": "capture", "name": "fork", "steps": graph[:3]})
    notes["capture_not_joined"] = reply.get("fault", {}).get("message")
    check("a fork that is not joined is refused", fault_of(reply) == "launch_failed", reply)
    check("and the next run works", runner.run(SYNC)["ok"])
    stray = [launch("store", "QI", at, 77, stream="default")]
    reply = runner.run(
        fill(at, 4, "00"), {"do": "capture", "name": "s", "steps": stray}, SYNC, read(at)
    )
    notes["default_stream_in_a_capture"] = values(reply) if reply["ok"] else reply["fault"]
    reply = runner.run(SYNC)
    check("a refused capture leaves a context that works", reply["ok"], reply)


def large_memory(runner: Runner) -> None:
    size = 17 * GIB
    at = end_of(3) - size
    reply, times["map_17_gib_ms"] = timed(lambda: runner.run(mapped(at, size)))
    check("17 GiB are mapped", reply["ok"], reply)
    reply, times["fill_17_gib_ms"] = timed(lambda: runner.run(fill(at, size, "7fc00001")))
    reply = runner.run(
        launch("store_far", "Qqf", at, size // 4 - 1, 1.0),
        read(at + size - 8, 8),
        read(at + (1 << 33) + 8, 4),
    )
    check("element 2^31 and the last one", values(reply, 1) == [0x7FC00001, 0x3F800000], reply)
    part = 64 << 20
    reply, times["read_64_mib_ms"] = timed(lambda: runner.run(read(at, part)))
    check("64 MiB are read", values(reply)[:2] == [0x7FC00001] * 2)
    reply, times["unmap_17_gib_ms"] = timed(lambda: runner.run({"do": "unmap_all", "slot": 3}))
    check("17 GiB are unmapped", reply["ok"], reply)
    reply = runner.run(mapped(BASE + 2 * GIB, 60 * GIB), mapped(BASE + SLOT_BYTES + GIB, 62 * GIB))
    more = runner.run(mapped(BASE + 4 * SLOT_BYTES + GIB, 62 * GIB))
    check("more than there is", fault_of(more) == "out_of_memory", more)
    check("and nothing is lost by it", more["fault"]["exits"] is False, more)
    for slot in range(SLOTS):
        runner.run({"do": "unmap_all", "slot": slot})


def costs(runner: Runner, cubin: Path, ptx: Path) -> None:
    at = end_of(0) - 4096
    times["load_cubin_ms"] = median(lambda: runner.load("candidate", cubin))
    times["load_ptx_sm_75_ms"] = median(lambda: runner.load("older", ptx))
    times["run_empty_ms"] = median(lambda: runner.run())
    times["map_2_mib_ms"] = median(
        lambda: runner.run(mapped(at, 4096)), lambda: runner.run({"do": "unmap_all", "slot": 0})
    )
    runner.run(mapped(at, 4096))
    store = launch("store", "QI", at, 1)
    times["run_launch_ms"] = median(lambda: runner.run(store))
    times["run_launch_and_read_ms"] = median(lambda: runner.run(store, read(at)))
    times["run_100_launches_ms"] = median(lambda: runner.run(*[store] * 100))
    capture = {"do": "capture", "name": "c", "steps": [store] * 10}
    times["run_capture_10_ms"] = median(lambda: runner.run(capture))
    times["run_replay_of_10_ms"] = median(lambda: runner.run({"do": "replay", "name": "c"}))
    reply = runner.run({"do": "delay", "microseconds": 50_000})
    check("a delay of 50 ms", 49.9 < reply["gpu_ms"] < 52, reply)


def median(action, after=lambda: None, count: int = 21) -> float:
    taken = []
    for _ in range(count):
        reply, ms = timed(action)
        assert reply["ok"], reply
        taken.append(ms)
        after()
    return statistics.median(taken)


def starts(cubin: Path) -> None:
    taken = []
    for _ in range(3):
        runner = Runner()
        taken.append(runner.hello_ms)
        times["load_cubin_in_a_fresh_process_ms"] = runner.load("candidate", cubin)["load_ms"]
        code, times["end_ms"] = timed(runner.end)
        check("the end of the requests is exit code 0", code == 0, code)
    times["hello_ms"] = statistics.median(taken)
    first, second = Runner(), Runner()
    check("two runners share the GPU", place_is_right(first) and place_is_right(second))
    first.end()
    second.end()
    plain = Runner(plain_allocations=True)
    reply = plain.run({"do": "allocate", "label": "x", "bytes": 1000})
    check("plain allocations", reply["ok"] and not plain.hello["guarded"], reply)
    at = int(reply["results"][0]["address"], 16)
    reply = plain.run(fill(at, 1000, "01"), read(at + 996), {"do": "free_all"})
    check("plain allocations hold data", values(reply, 1) == [0x01010101], reply)
    plain.end()
    absent = Runner(device=1)
    check("GPU 1 is not there", fault_of(absent.hello) == "gpu_unavailable", absent.hello)
    notes["gpu_1"] = absent.hello.get("fault", {}).get("message")
    absent.end()


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


if __name__ == "__main__":
    sys.exit(main())
