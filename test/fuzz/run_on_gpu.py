"""Runs generated kernels on the GPU and compares with what the interpreter made of them.

    npm run fuzz -- --write kernels.jsonl.gz --count 3000
    python test/fuzz/run_on_gpu.py kernels.jsonl.gz result.json

Each line of the file is a kernel; the driver compiles their PTX, some kernels a module. Several
processes share the work. One that stays silent is killed: its kernel hung, and the rest goes on.
"""

import base64
import concurrent.futures
import ctypes
import datetime
import gzip
import hashlib
import json
import os
import select
import subprocess
import sys
import time

PROCESSES = 12
KERNELS_PER_MODULE = 16
SILENCE_S = 20


def main():
    if sys.argv[1] == "--child":
        child(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), {int(s) for s in sys.argv[5:]})
        return
    path, result_path = sys.argv[1:3]
    began = time.time()
    with concurrent.futures.ThreadPoolExecutor(PROCESSES) as pool:
        shares = list(pool.map(lambda which: run_share(path, which), range(PROCESSES)))
    results = [result for share in shares for result in share["results"]]
    bad = [result for result in results if result["state"] != "agrees"]
    bad.sort(key=lambda result: result["seed"])
    facts = next((share["device"] for share in shares if share["device"]), {})
    summary = {
        "kernels": len(results),
        "agree": len(results) - len(bad),
        "differ": sum(result["state"] == "differs" for result in bad),
        "hung": sum(result["state"] == "hung" for result in bad),
        "failed": sum(result["state"] == "failed" for result in bad),
        "seconds": round(time.time() - began, 1),
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
        **facts,
    }
    print(json.dumps(summary, indent=2))
    with open(result_path, "w", encoding="utf-8") as file:
        json.dump({**summary, "bad": bad}, file, indent=2)
        file.write("\n")


def run_share(path, which):
    """Every PROCESSES-th module, in a process that is started again without what hung or broke it."""
    results, device, skipped = [], {}, set()
    while True:
        argv = [sys.executable, os.path.abspath(__file__), "--child", path]
        argv += [str(which), str(PROCESSES), *[str(r["seed"]) for r in results]]
        process = subprocess.Popen(argv, stdout=subprocess.PIPE)
        running = None
        for line in lines_of(process):
            message = json.loads(line)
            if "device" in message:
                device = message["device"]
            elif message["state"] == "starts":
                running = message["seed"]
            else:
                results.append(message)
                running = None
        process.kill()
        if process.wait() == 0:
            return {"results": results, "device": device}
        if running is None:
            skipped.add(len(results))
            if len(skipped) > 3:
                return {"results": results, "device": device}
            continue
        state = "hung" if process.returncode == -9 else "failed"
        detail = f"process ended with {process.returncode}"
        results.append({"state": state, "seed": running, "detail": detail})


def lines_of(process):
    """Lines as they come, until the end or until there was none for SILENCE_S."""
    rest = b""
    while select.select([process.stdout], [], [], SILENCE_S)[0]:
        part = os.read(process.stdout.fileno(), 1 << 16)
        if not part:
            process.wait()
            return
        *lines, rest = (rest + part).split(b"\n")
        yield from lines


def child(path, which, processes, done):
    gpu = Gpu()
    say({"device": gpu.facts()})
    with gzip.open(path, "rt", encoding="utf-8") as file:
        header = json.loads(next(file))["module_header"]
        kernels = [json.loads(line) for line in file]
    groups = [
        kernels[i : i + KERNELS_PER_MODULE] for i in range(0, len(kernels), KERNELS_PER_MODULE)
    ]
    for group in groups[which::processes]:
        left = [kernel for kernel in group if kernel["seed"] not in done]
        if left:
            run_group(gpu, header, left)


def run_group(gpu, header, kernels):
    try:
        module = gpu.load(header + "".join(kernel["ptx"] for kernel in kernels))
    except GpuError as error:
        if len(kernels) == 1:
            say({"state": "failed", "seed": kernels[0]["seed"], "detail": str(error)})
            return
        for kernel in kernels:
            run_group(gpu, header, [kernel])
        return
    for kernel in kernels:
        say({"state": "starts", "seed": kernel["seed"]})
        out = gpu.run(module, kernel)
        state = {"state": "agrees", "seed": kernel["seed"]}
        if not is_expected(kernel, out):
            state.update(state="differs", out=base64.b64encode(out).decode())
            state["agrees_unoptimised"] = is_expected(kernel, run_alone(gpu, header, kernel, 0))
        say(state)
    gpu.unload(module)


def run_alone(gpu, header, kernel, level):
    """Compiled by the driver without optimisation: who is right when two results differ?"""
    module = gpu.load(header + kernel["ptx"], level)
    out = gpu.run(module, kernel)
    gpu.unload(module)
    return out


def is_expected(kernel, out):
    return hashlib.sha256(out).hexdigest() == kernel["sha256"]


def say(message):
    print(json.dumps(message), flush=True)


class GpuError(Exception):
    pass


class Gpu:
    """The first GPU, through the driver alone."""

    def __init__(self):
        self.cuda = ctypes.CDLL("libcuda.so.1")
        self.device, context = ctypes.c_int(), ctypes.c_void_p()
        self.call("cuInit", 0)
        self.call("cuDeviceGet", ctypes.byref(self.device), 0)
        self.call("cuDevicePrimaryCtxRetain", ctypes.byref(context), self.device)
        self.call("cuCtxSetCurrent", context)

    def call(self, name, *arguments):
        result = getattr(self.cuda, name)(*arguments)
        if result != 0:
            raise GpuError(f"{name}: error {result}")

    def facts(self):
        name, version = ctypes.create_string_buffer(100), ctypes.c_int()
        self.call("cuDeviceGetName", name, 100, self.device)
        self.call("cuDriverGetVersion", ctypes.byref(version))
        cuda = f"{version.value // 1000}.{version.value % 1000 // 10}"
        smi = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader", "--id=0"]
        asked = subprocess.run(smi, capture_output=True, text=True, check=False)
        return {"gpu": name.value.decode(), "driver": asked.stdout.strip(), "cuda_driver": cuda}

    def load(self, ptx, level=4):
        module, log = ctypes.c_void_p(), ctypes.create_string_buffer(4096)
        # CU_JIT_ERROR_LOG_BUFFER, its size, CU_JIT_OPTIMIZATION_LEVEL; values are passed in pointers.
        options = (ctypes.c_int * 3)(5, 6, 7)
        values = (ctypes.c_void_p * 3)(ctypes.addressof(log), len(log), level)
        try:
            self.call("cuModuleLoadDataEx", ctypes.byref(module), ptx.encode(), 3, options, values)
        except GpuError as error:
            raise GpuError(f"{error} {log.value.decode()[:400]}") from None
        return module

    def unload(self, module):
        self.call("cuModuleUnload", module)

    def run(self, module, kernel):
        function = ctypes.c_void_p()
        self.call("cuModuleGetFunction", ctypes.byref(function), module, kernel["name"].encode())
        given = (ctypes.c_uint32 * kernel["in_words"])(
            *[mix(kernel["seed"] + i) for i in range(kernel["in_words"])]
        )
        out, x = ctypes.c_uint64(), ctypes.c_uint64()
        out_bytes, in_bytes = ctypes.c_size_t(kernel["out_bytes"]), ctypes.c_size_t(4 * len(given))
        self.call("cuMemAlloc_v2", ctypes.byref(out), out_bytes)
        self.call("cuMemAlloc_v2", ctypes.byref(x), in_bytes)
        self.call("cuMemsetD8_v2", out, ctypes.c_ubyte(0), out_bytes)
        self.call("cuMemcpyHtoD_v2", x, given, in_bytes)
        params = (ctypes.c_void_p * 2)(ctypes.addressof(out), ctypes.addressof(x))
        shape = [kernel["grid"], 1, 1, kernel["block"][0], kernel["block"][1], 1, 0]
        shape = [ctypes.c_uint(n) for n in shape]
        self.call("cuLaunchKernel", function, *shape, None, params, None)
        self.call("cuCtxSynchronize")
        result = ctypes.create_string_buffer(kernel["out_bytes"])
        self.call("cuMemcpyDtoH_v2", result, out, out_bytes)
        self.call("cuMemFree_v2", out)
        self.call("cuMemFree_v2", x)
        return result.raw


def mix(value):
    """As in random.ts."""
    z = value & 0xFFFFFFFF
    z = ((z ^ (z >> 16)) * 0x85EBCA6B) & 0xFFFFFFFF
    z = ((z ^ (z >> 13)) * 0xC2B2AE35) & 0xFFFFFFFF
    return z ^ (z >> 16)


if __name__ == "__main__":
    main()
