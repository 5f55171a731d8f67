"""Proves gpu_worker on a real GPU of compute capability 9.0 and writes what it found as JSON.

    python3 test/worker/prove_on_gpu.py results.json      needs nvcc on PATH or in /usr/local/cuda/bin

Standard library only, no Node. Ends with code 1 where something is not as it must be.
"""

from __future__ import annotations

import base64
import json
import platform
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path

from proof import check, checks, median, notes, timed, times
from prove_losses import losses, refusals
from runner_client import (
    BASE,
    GIB,
    SLOT_BYTES,
    SLOTS,
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

ROOT = Path(__file__).parents[2]
KERNELS = ROOT / "test" / "fixtures" / "worker" / "runner_kernels.cu"


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
    notes["default_stream_in_a_capture"] = str(values(reply) or reply.get("fault"))
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


if __name__ == "__main__":
    sys.exit(main())
