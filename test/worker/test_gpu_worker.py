"""gpu_worker with Python alone: requests on standard input, replies on standard output, no Node.

The driver is test/fixtures/worker/fake_driver.c, built here; without gcc those tests are skipped.
"""

from __future__ import annotations

import base64
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from runner_client import BASE, RUNNER, SLOT_BYTES, SLOTS, end_of, launch

FAKE = Path(__file__).parents[1] / "fixtures" / "worker" / "fake_driver.c"
END = end_of(0)
HELLO = {
    "op": "hello",
    "device_index": 0,
    "base": hex(BASE),
    "slots": SLOTS,
    "slot_bytes": hex(SLOT_BYTES),
}


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if sys.platform != "linux" or not shutil.which("gcc"):
        pytest.skip("no gcc on Linux to build the stand-in driver with")
    folder = tmp_path_factory.mktemp("fake-cuda")
    output = folder / "libcuda.so.1"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", output, FAKE], check=True)
    return folder


def talk(lines: list[object], driver: Path | None, *arguments: str) -> list[dict]:
    """Sends bytes as they are and objects with ids from 0; the replies. Nothing may be printed."""
    result = spoken(lines, driver, *arguments)
    assert result.stderr == b""
    assert result.returncode == 0
    return [json.loads(line) for line in result.stdout.splitlines()]


def spoken(
    lines: list[object], driver: Path | None, *arguments: str
) -> subprocess.CompletedProcess:
    text = b"".join(
        line + b"\n" if isinstance(line, bytes) else json.dumps({"id": at, **line}).encode() + b"\n"
        for at, line in enumerate(lines)
    )
    environment = {"PATH": os.environ["PATH"], "LD_LIBRARY_PATH": str(driver or "/no/such/folder")}
    command = [sys.executable, "-B", str(RUNNER), *arguments]
    return subprocess.run(
        command, input=text, capture_output=True, env=environment, timeout=60, check=False
    )


def module(*kernels: str) -> dict:
    image = base64.b64encode((".version 6.3\n" + " ".join(kernels)).encode()).decode()
    return {"op": "load", "module": "candidate", "image_base64": image}


def run(*steps: object, limit_ms: object = 1000) -> dict:
    return {"op": "run", "time_limit_ms": limit_ms, "steps": list(steps)}


def fault(reply: dict) -> str:
    assert reply["ok"] is False
    return reply["fault"]["kind"]


def test_requests_in_a_file_are_answered_in_order(driver: Path, tmp_path: Path) -> None:
    at = END - 4096
    requests = [
        HELLO,
        module("fake_store"),
        run(
            {"do": "map", "address": hex(at), "bytes": 4096},
            launch("fake_store", "QI", at, 0x01020304),
            {"do": "read", "address": str(at), "bytes": 4},
        ),
        {"op": "unload", "module": "candidate"},
        {"op": "bye"},
        HELLO,
    ]
    file = tmp_path / "requests.jsonl"
    file.write_text("\n".join(json.dumps({"id": at, **one}) for at, one in enumerate(requests)))
    environment = {"PATH": os.environ["PATH"], "LD_LIBRARY_PATH": str(driver)}
    with file.open("rb") as lines:
        result = subprocess.run(
            [sys.executable, "-B", str(RUNNER)],
            stdin=lines,
            capture_output=True,
            env=environment,
            timeout=60,
            check=True,
        )
    replies = [json.loads(line) for line in result.stdout.splitlines()]
    assert [reply["id"] for reply in replies] == [0, 1, 2, 3, 4]
    assert all(reply["ok"] for reply in replies)
    assert base64.b64decode(replies[2]["results"][2]["data"]) == b"\4\3\2\1"
    assert replies[2]["results"][:2] == [None, None]


def test_plain_allocations_are_as_large_as_asked_and_have_no_slots(driver: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "LD_LIBRARY_PATH": str(driver)}
    command = [sys.executable, "-B", str(RUNNER)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as process:

        def ask(request: dict) -> dict:
            process.stdin.write(json.dumps({"id": 1, **request}).encode() + b"\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        assert ask({**HELLO, "plain_allocations": True})["guarded"] is False
        reply = ask(run({"do": "allocate", "label": "x", "bytes": 100}))
        at = reply["results"][0]["address"]
        fill = {"do": "fill", "address": at, "bytes": 100, "pattern": "00"}
        assert ask(run(fill))["ok"]
        assert fault(ask(run({**fill, "bytes": 101}))) == "bad_request"
        assert fault(ask(run({"do": "map", "address": at, "bytes": 1}))) == "bad_request"
        assert ask(run({"do": "free_all"}))["ok"]
        assert fault(ask(run(fill))) == "bad_request"
        process.stdin.close()
        assert process.wait(10) == 0


def test_allocate_is_refused_where_there_are_slots(driver: Path) -> None:
    allocate = {"do": "allocate", "label": "x", "bytes": 100}
    replies = talk([HELLO, run(allocate), run({"do": "free_all"})], driver)
    assert [fault(reply) for reply in replies[1:]] == ["bad_request"] * 2


def test_no_driver_is_said_and_the_runner_goes_on() -> None:
    replies = talk([HELLO, run(), {"op": "bye"}], None)
    assert [fault(reply) for reply in replies[:2]] == ["gpu_unavailable", "bad_request"]
    assert "libcuda.so.1" in replies[0]["fault"]["message"]
    assert replies[2] == {"id": 2, "ok": True}


def test_what_a_kernel_prints_is_no_reply(driver: Path) -> None:
    result = spoken([HELLO, module("fake_print"), run(launch("fake_print"))], driver)
    assert len(result.stdout.splitlines()) == 3
    assert len(result.stderr) == 16 << 20


@pytest.mark.parametrize(
    "arguments", [["--reply-fd"], ["--reply-fd", "1"], ["--reply-fd", "77"], ["x"]]
)
def test_wrong_arguments_are_told_in_one_line(arguments: list[str]) -> None:
    result = spoken([], None, *arguments)
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1


def test_a_private_descriptor_takes_the_replies() -> None:
    read, write = os.pipe()
    command = [sys.executable, "-B", str(RUNNER), "--reply-fd", str(write)]
    line = json.dumps({"id": 7, "op": "bye"}).encode()
    result = subprocess.run(
        command, input=line, capture_output=True, pass_fds=[write], timeout=60, check=True
    )
    os.close(write)
    assert result.stdout == b""
    assert os.read(read, 1000) == b'{"id":7,"ok":true}\n'
    os.close(read)


GOOD_LAUNCH = launch("fake_store", "QI", END - 4096, 1)
MALFORMED: list[object] = [
    b"{",
    b"[]",
    b"null",
    b"\xff\xfe",
    b'"text"',
    b"[" * 100_000,
    b'{"id":1,"id":1,"op":"bye"}',
    b'{"id":1,"op":"run","time_limit_ms":NaN,"steps":[]}',
    b'{"id":' + b"9" * 100_000 + b',"op":"bye"}',
    b'{"id":1.0,"op":"bye"}',
    b'{"id":true,"op":"bye"}',
    b'{"id":-1,"op":"bye"}',
    b'{"op":"bye"}',
    b'{"id":1,"op":"bye","more":1}',
    b'{"id":1,"op":"serve"}',
    b'{"id":1,"op":"__init__"}',
    b'{"id":1,"op":["bye"]}',
    {**HELLO, "slots": 0},
    {**HELLO, "slots": "16"},
    {**HELLO, "base": 4096},
    {**HELLO, "base": "0x1001"},
    {**HELLO, "base": "-1"},
    {**HELLO, "base": "0x" + "f" * 17},
    {**HELLO, "slot_bytes": hex(1 << 63)},
    {**HELLO, "device_index": True},
    {"op": "load", "module": "m"},
    {"op": "load", "module": "m", "image_base64": "AA", "image_path": "/x"},
    {"op": "load", "module": "m", "image_base64": "!!"},
    {"op": "load", "module": "runner", "image_base64": "AAAA"},
    {"op": "load", "module": "", "image_base64": "AAAA"},
    {"op": "load", "module": "m", "image_path": "relative"},
    {"op": "load", "module": "m", "image_path": "/a\0b"},
    {"op": "load", "module": "m", "image_path": "/\ud800"},
    {"op": "unload", "module": "never"},
    run(limit_ms=0),
    run(limit_ms=10**9),
    run(limit_ms=1.5),
    {"op": "run", "time_limit_ms": 5, "steps": {}},
    run(1),
    run({"do": "reboot"}),
    run({"do": "map", "address": hex(END - 4096), "bytes": 4096, "stream": "call"}),
    run({"do": "map", "address": hex(END - 4096), "bytes": 4097}),
    run({"do": "map", "address": hex(END - 4096), "bytes": 2**53}),
    run({"do": "map", "address": hex(BASE), "bytes": 1}),
    run({"do": "map", "address": hex(2**64 - 1), "bytes": 2}),
    run({"do": "map", "address": hex(END), "bytes": -1}),
    run({"do": "map", "address": END - 4096, "bytes": 1}),
    run({"do": "unmap_all", "slot": 16}),
    run({"do": "fill", "address": hex(END - 4096), "bytes": 64, "pattern": "00"}),
    run({"do": "fill", "address": hex(END - 4096), "bytes": 63, "pattern": "0000"}),
    run({"do": "fill", "address": hex(END - 4095), "bytes": 64, "pattern": "0000"}),
    run({"do": "fill", "address": hex(END - 4096), "bytes": 64, "pattern": "000"}),
    run({"do": "fill", "address": hex(END - 4096), "bytes": 64, "pattern": "+1"}),
    run({"do": "fill", "address": hex(END - 4096), "bytes": 2**52, "pattern": "00"}),
    run({"do": "upload", "address": hex(END - 4096), "data": ""}),
    run({"do": "upload", "address": hex(END - 4096), "data": "AAAA"}),
    run({"do": "read", "address": hex(END - 4096), "bytes": 4}),
    run({"do": "read", "address": hex(END - (1 << 30)), "bytes": 1 << 29}),
    run({"do": "copy", "to": hex(END - 4096), "from": hex(END - 8), "bytes": 4}),
    run({**GOOD_LAUNCH, "module": "other"}),
    run({**GOOD_LAUNCH, "grid": [0, 1, 1]}),
    run({**GOOD_LAUNCH, "grid": [2**32, 1, 1]}),
    run({**GOOD_LAUNCH, "grid": [1, 1]}),
    run({**GOOD_LAUNCH, "block": [1, 1, True]}),
    run({**GOOD_LAUNCH, "dynamic_shared_bytes": 2**31}),
    run({**GOOD_LAUNCH, "stream": "other"}),
    run({**GOOD_LAUNCH, "cooperative": 1}),
    run({**GOOD_LAUNCH, "params": "AAAA"}),
    run({**GOOD_LAUNCH, "params": ["AAAA", 1]}),
    run({**GOOD_LAUNCH, "params": ["AAAA"]}),
    run({**GOOD_LAUNCH, "params": ["AAAA" * 20_000]}),
    run({**GOOD_LAUNCH, "params": [""] * 5000}),
    run({"do": "synchronize", "stream": "none"}),
    run({"do": "delay", "microseconds": 10**8}),
    run({"do": "wait", "stream": "call"}),
    run({"do": "replay", "name": "never"}),
    run({"do": "replay", "name": "never", "times": 10**7}),
    run({"do": "capture", "name": "g", "steps": [{"do": "synchronize"}]}),
    run({"do": "capture", "name": "g", "steps": [{"do": "capture", "name": "h", "steps": []}]}),
]


def test_every_malformed_line_is_refused_and_the_runner_goes_on(driver: Path) -> None:
    before = [HELLO, module("fake_store")]
    after = [run(), {"op": "bye"}]
    replies = talk([*before, *MALFORMED, *after], driver)
    assert len(replies) == len(before) + len(MALFORMED) + len(after)
    wrong = [
        (line, reply)
        for line, reply in zip(MALFORMED, replies[2:-2], strict=True)
        if reply["ok"] or reply["fault"]["kind"] != "bad_request" or reply["fault"]["exits"]
    ]
    assert wrong == []
    assert [reply["ok"] for reply in [*replies[:2], *replies[-2:]]] == [True] * 4


MAPPED = END - (72 << 20)
WORDS = [
    ({"do": "read", "address": hex(MAPPED), "bytes": (64 << 20) + 1}, "bytes to read in one run"),
    ({"do": "fill", "address": hex(MAPPED + 1), "bytes": 64, "pattern": "0000"}, "multiples of 2"),
    ({"do": "fill", "address": hex(MAPPED), "bytes": 66, "pattern": "00000000"}, "multiples of 4"),
    ({**GOOD_LAUNCH, "params": ["AAAA" * 11_000]}, "32764 bytes of params"),
    ({"do": "read", "address": str(2**64), "bytes": 4}, "string of 64 bits"),
]


@pytest.mark.parametrize(("step", "words"), WORDS)
def test_what_is_mapped_and_loaded_is_refused_for_its_form(
    driver: Path, step: dict, words: str
) -> None:
    mapped = run({"do": "map", "address": hex(MAPPED), "bytes": 72 << 20})
    replies = talk([HELLO, module("fake_store"), mapped, run(step)], driver)
    assert replies[2]["ok"]
    assert fault(replies[3]) == "bad_request"
    assert words in replies[3]["fault"]["message"]


def test_a_wrong_hello_is_refused_before_the_driver_is_asked() -> None:
    wrong = [line for line in MALFORMED if isinstance(line, dict) and line["op"] == "hello"]
    assert len(wrong) > 6
    assert {fault(reply) for reply in talk(wrong, None)} == {"bad_request"}


def test_the_refusal_test_sees_what_is_right(driver: Path) -> None:
    """The mutant: were everything refused, the test above would pass."""
    at = hex(END - 4096)
    steps = [
        {"do": "map", "address": at, "bytes": 4096},
        {"do": "fill", "address": at, "bytes": 64, "pattern": "0000"},
        {"do": "upload", "address": at, "data": "AAAA"},
        {"do": "copy", "to": at, "from": hex(END - 8), "bytes": 4},
        GOOD_LAUNCH,
        {"do": "capture", "name": "g", "steps": [GOOD_LAUNCH]},
        {"do": "replay", "name": "g", "times": 2},
        {"do": "delay", "microseconds": 10, "stream": "side"},
        {"do": "wait", "stream": "call", "for": "side"},
        {"do": "synchronize", "stream": "side"},
        {"do": "read", "address": at, "bytes": 4},
        {"do": "unmap_all", "slot": 0},
    ]
    assert [reply["ok"] for reply in talk([HELLO, module("fake_store"), run(*steps)], driver)] == [
        True
    ] * 3


def test_a_line_without_end_is_refused(driver: Path) -> None:
    replies = talk([HELLO, b'{"id":1,"op":"' + b"x" * (129 << 20), {"op": "bye"}], driver)
    assert fault(replies[1]) == "bad_request"
    assert replies[1]["id"] is None
    assert replies[2]["ok"]


@pytest.mark.parametrize("with_driver", [True, False])
def test_mutated_requests_are_answered_one_by_one(
    request: pytest.FixtureRequest, with_driver: bool
) -> None:
    """A short run of what `npm run fuzz` does for longer."""
    driver = request.getfixturevalue("driver") if with_driver else None
    draw = random.Random(20261122)
    good = [
        json.dumps({"id": 5, **line}).encode()
        for line in [HELLO, module("fake_store"), run(GOOD_LAUNCH), *MALFORMED[40:]]
        if isinstance(line, dict)
    ]
    lines = [mutated(draw.choice(good), draw) for _ in range(2000)]
    lines = [line for line in lines if line.strip() and b"bye" not in line]
    replies = talk([*([HELLO] if with_driver else []), *lines, {"op": "bye"}], driver)
    assert len(replies) == with_driver + len(lines) + 1
    kinds = {fault(reply) for reply in replies if not reply["ok"]}
    assert "runner_failed" not in kinds


def mutated(line: bytes, draw: random.Random) -> bytes:
    out = bytearray(line)
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(out))
        kind = draw.randrange(4)
        if kind == 0:
            out[at] = draw.randrange(256)
        elif kind == 1:
            del out[at : at + draw.randint(1, 8)]
        elif kind == 2:
            out[at:at] = draw.choice([b"0", b"-", b"[", b"}", b'"', b"null", b"1e400", b"\\ud800"])
        else:
            other = draw.randrange(len(out))
            out[at:at] = out[other : other + draw.randint(1, 12)]
        if not out:
            out = bytearray(b"x")
    return bytes(out).replace(b"\n", b" ").replace(b"\r", b" ")
