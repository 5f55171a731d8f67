"""Runs the cases of dump-cases.ts on a GPU and compares every output byte with the interpreter's.

    python compare_bits.py cases.json.gz library_sm_90.so [library_sm_80.so ...] > result.json

A library is the template compiled with the shared CUDA runtime; its name ends in the arch whose
code it holds. One built as PTX only (`-gencode arch=compute_80,code=compute_80`) is compiled for
the GPU at hand by the driver: so an older arch's code runs on a newer GPU.
"""

from __future__ import annotations

import base64
import ctypes
import gzip
import hashlib
import json
import re
import struct
import sys
import time
from pathlib import Path


def main() -> None:
    dump_path, *libraries = sys.argv[1:]
    with gzip.open(dump_path) as file:
        dump = json.load(file)
    runtime = ctypes.CDLL("libcudart.so.13", mode=ctypes.RTLD_GLOBAL)
    expected = {one["arch"]: one["outputs"] for one in dump["archs"]}
    results = []
    for library in libraries:
        arch = re.search(r"sm_\d+", library).group()
        results.append(compare(runtime, library, arch, dump, expected[arch]))
    report = {
        "device": device_name(runtime),
        "driver_cuda": version_of(runtime, "cudaDriverGetVersion"),
        "runtime_cuda": version_of(runtime, "cudaRuntimeGetVersion"),
        "date": time.strftime("%Y-%m-%d"),
        "command": "python test/gpu/compare_bits.py cases.json.gz "
        + " ".join(Path(each).name for each in libraries),
        "archs": results,
    }
    print(json.dumps(report, indent=2))


def compare(runtime: ctypes.CDLL, path: str, arch: str, dump: dict, expected: list[dict]) -> dict:
    library = ctypes.CDLL(path)
    differing = []
    elements = 0
    for case, want in zip(dump["inputs"], expected, strict=True):
        outputs = run(runtime, library, case, dump["offsets"])
        elements += case["elements"]
        for label in ("out", "rstd"):
            if want.get(label) and hashlib.sha256(outputs[label]).hexdigest() != want[label]:
                differing.append(f"{case['name']}: {label}")
    return {
        "arch": arch,
        "cases": len(expected),
        "elements": elements,
        "cases_with_other_bits": len(differing),
        "differing": differing[:20],
    }


def run(runtime: ctypes.CDLL, library: ctypes.CDLL, case: dict, offsets: dict) -> dict[str, bytes]:
    """Allocates the case's buffers, moves the struct's addresses to them, calls the entry point."""
    placed = []
    for buffer in case["buffers"]:
        data = base64.b64decode(buffer["bytes"])
        pointer = ctypes.c_void_p()
        check(runtime.cudaMalloc(ctypes.byref(pointer), ctypes.c_size_t(max(len(data), 1))))
        check(runtime.cudaMemcpy(pointer, data, ctypes.c_size_t(len(data)), 1))
        placed.append((buffer["label"], int(buffer["address"]), len(data), pointer))
    arguments = bytearray(base64.b64decode(case["arguments"]))
    for field in ("out", "x", "weight", "rstd"):
        (address,) = struct.unpack_from("<q", arguments, offsets[field])
        for _, base, size, pointer in placed:
            if base <= address < base + max(size, 1):
                struct.pack_into("<q", arguments, offsets[field], pointer.value + address - base)
    check(library.rmsnorm(bytes(arguments), None))
    check(runtime.cudaDeviceSynchronize())
    outputs = {}
    for label, _, size, pointer in placed:
        host = ctypes.create_string_buffer(max(size, 1))
        check(runtime.cudaMemcpy(host, pointer, ctypes.c_size_t(size), 2))
        outputs[label] = host.raw[:size]
        check(runtime.cudaFree(pointer))
    return outputs


def device_name(runtime: ctypes.CDLL) -> str:
    properties = ctypes.create_string_buffer(8192)  # name comes first, in 256 bytes
    check(runtime.cudaGetDeviceProperties(properties, 0))
    return properties.value.decode()


def version_of(runtime: ctypes.CDLL, function: str) -> str:
    version = ctypes.c_int()
    check(getattr(runtime, function)(ctypes.byref(version)))
    return f"{version.value // 1000}.{version.value % 1000 // 10}"


def check(code: int) -> None:
    if code != 0:
        raise RuntimeError(f"CUDA call failed with code {code}")


if __name__ == "__main__":
    main()
