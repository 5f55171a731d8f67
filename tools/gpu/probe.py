"""Prints what the NVIDIA driver says of this machine's GPUs, as one JSON object on stdout.

    python3 probe.py

Asks the driver's own libraries, libcuda for what a kernel can use and libnvidia-ml for the state of
the machine, through ctypes: Python 3.8 or newer and nothing else. Creates no context on any GPU.
A value that the driver does not know is null; no driver is an answer with an empty list of GPUs.
"""

import ctypes
import json
import os

# CUdevice_attribute: limits, by the name that Kernelwright gives them.
ATTRIBUTES = {
    "max_threads_per_block": 1,
    "shared_per_block_bytes": 8,
    "warp_size": 10,
    "registers_per_block": 12,
    "sms": 16,
    "memory_clock_khz": 36,
    "memory_bus_bits": 37,
    "l2_bytes": 38,
    "max_threads_per_sm": 39,
    "shared_per_sm_bytes": 81,
    "registers_per_sm": 82,
    "shared_per_block_optin_bytes": 97,
    "max_blocks_per_sm": 106,
    "reserved_shared_per_block_bytes": 111,
}
COMPUTE_CAPABILITY_MAJOR = 75
COMPUTE_CAPABILITY_MINOR = 76
INTEGRATED = 18

# nvmlClockType_t
CLOCK_SM = 1
CLOCK_MEMORY = 2

# nvmlClocksEventReasons: those that make a time differ from the next one.
SLOWED_BY = {
    0x04: "power_cap",
    0x08: "hardware_slowdown",
    0x20: "thermal_software",
    0x40: "thermal_hardware",
    0x80: "power_brake",
}

PROCESS_LIMIT = 256
TEXT_BYTES = 96


class NvmlMemory(ctypes.Structure):
    _fields_ = [(name, ctypes.c_ulonglong) for name in ("total", "free", "used")]


class NvmlProcess(ctypes.Structure):
    _fields_ = [
        ("pid", ctypes.c_uint),
        ("used_bytes", ctypes.c_ulonglong),
        ("gpu_instance", ctypes.c_uint),
        ("compute_instance", ctypes.c_uint),
    ]


def main():
    answer = {"driver_version": None, "cuda_driver_version": None, "errors": [], "gpus": []}
    cuda = load("libcuda.so.1", "nvcuda.dll", "/usr/lib/wsl/lib/libcuda.so.1")
    nvml = load("libnvidia-ml.so.1", "nvml.dll", "/usr/lib/wsl/lib/libnvidia-ml.so.1")
    state_by_bus_id = read_nvml(nvml, answer) if nvml else {}
    if cuda:
        read_cuda(cuda, answer)
    # The management library knows also GPUs that CUDA cannot open.
    shown = answer["gpus"] or list(state_by_bus_id.values())
    answer["gpus"] = [
        {"index": index, **merged(gpu, state_by_bus_id)} for index, gpu in enumerate(shown)
    ]
    print(json.dumps(answer))


def merged(gpu, state_by_bus_id):
    """CUDA's words stand where it says something: under MIG it shows a part of NVML's GPU."""
    state = state_by_bus_id.get(plain_bus_id(gpu["pci_bus_id"]), {})
    return {**state, **{name: value for name, value in gpu.items() if value is not None}}


def load(*names):
    for name in names:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return None


def read_cuda(cuda, answer):
    """Adds the GPUs that CUDA shows, in its order, with the limits of each."""
    status = cuda.cuInit(0)
    if status != 0:
        answer["errors"].append("cuInit: " + cuda_error(cuda, status))
        return
    version = integer(cuda.cuDriverGetVersion)
    if version:
        answer["cuda_driver_version"] = f"{version // 1000}.{version % 1000 // 10}"
    for ordinal in range(integer(cuda.cuDeviceGetCount) or 0):
        device = integer(cuda.cuDeviceGet, ordinal)
        if device is not None:
            answer["gpus"].append(cuda_facts(cuda, device))


def cuda_facts(cuda, device):
    def attribute(number):
        return integer(cuda.cuDeviceGetAttribute, number, device)

    total = ctypes.c_size_t()
    known = succeeds(cuda, "cuDeviceTotalMem_v2", ctypes.byref(total), device)
    major, minor = attribute(COMPUTE_CAPABILITY_MAJOR), attribute(COMPUTE_CAPABILITY_MINOR)
    facts = {name: attribute(number) for name, number in ATTRIBUTES.items()}
    facts.update(
        name=text(cuda, "cuDeviceGetName", device, before=True),
        pci_bus_id=text(cuda, "cuDeviceGetPCIBusId", device, before=True),
        compute_capability=None if major is None else f"{major}.{minor}",
        memory_bytes=total.value if known else None,
        integrated=bool(attribute(INTEGRATED)),
    )
    return facts


def read_nvml(nvml, answer):
    """The state of every GPU by its plain PCI bus id."""
    status = call(nvml, "nvmlInit_v2")
    if status != 0:
        answer["errors"].append("nvmlInit: " + nvml_error(nvml, status))
        return {}
    answer["driver_version"] = text(nvml, "nvmlSystemGetDriverVersion")
    states = {}
    for index in range(integer(nvml.nvmlDeviceGetCount_v2) or 0):
        handle = ctypes.c_void_p()
        if succeeds(nvml, "nvmlDeviceGetHandleByIndex_v2", index, ctypes.byref(handle)):
            bus_id = nvml_bus_id(nvml, handle) or f"gpu{index}"
            states[plain_bus_id(bus_id)] = dict(nvml_state(nvml, handle), pci_bus_id=bus_id)
    return states


def nvml_state(nvml, handle):
    def value(function, *args):
        return integer_of(nvml, function, handle, *args)

    memory = NvmlMemory()
    has_memory = succeeds(nvml, "nvmlDeviceGetMemoryInfo", handle, ctypes.byref(memory))
    limit_mw = value("nvmlDeviceGetEnforcedPowerLimit")
    power_mw = value("nvmlDeviceGetPowerUsage")
    ecc, _ = pair(nvml, "nvmlDeviceGetEccMode", handle)
    mig, _ = pair(nvml, "nvmlDeviceGetMigMode", handle)
    busy_pct, _ = pair(nvml, "nvmlDeviceGetUtilizationRates", handle, together=True)
    major, minor = pair(nvml, "nvmlDeviceGetCudaComputeCapability", handle)
    return {
        "name": text(nvml, "nvmlDeviceGetName", handle),
        "compute_capability": None if major is None else f"{major}.{minor}",
        "memory_bytes": memory.total if has_memory else None,
        "ecc": None if ecc is None else bool(ecc),
        "mig": None if mig is None else bool(mig),
        "memory_used_bytes": memory.used if has_memory else None,
        "sm_clock_mhz": value("nvmlDeviceGetClockInfo", CLOCK_SM),
        "max_sm_clock_mhz": value("nvmlDeviceGetMaxClockInfo", CLOCK_SM),
        "memory_clock_mhz": value("nvmlDeviceGetClockInfo", CLOCK_MEMORY),
        "power_limit_w": None if limit_mw is None else limit_mw / 1000,
        "power_w": None if power_mw is None else power_mw / 1000,
        "temperature_c": value("nvmlDeviceGetTemperature", 0),
        "busy_pct": busy_pct,
        "slowed_by": slowed_by(nvml, handle),
        "processes": processes(nvml, handle),
    }


def processes(nvml, handle):
    """Every process that holds a context on the GPU, once each; null where it is not told."""
    found = {}
    told = False
    for kind in ("Compute", "Graphics"):
        name = f"nvmlDeviceGet{kind}RunningProcesses"
        count = ctypes.c_uint(PROCESS_LIMIT)
        table = (NvmlProcess * PROCESS_LIMIT)()
        for suffix in ("_v3", "_v2"):
            if succeeds(nvml, name + suffix, handle, ctypes.byref(count), table):
                told = True
                for entry in table[: count.value]:
                    found[entry.pid] = process_facts(nvml, entry)
                break
    return list(found.values()) if told else None


def process_facts(nvml, entry):
    unknown = entry.used_bytes == 2**64 - 1
    return {
        "pid": entry.pid,
        "name": process_name(nvml, entry.pid),
        "memory_bytes": None if unknown else entry.used_bytes,
    }


def process_name(nvml, pid):
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        pass
    buffer = ctypes.create_string_buffer(256)
    if succeeds(nvml, "nvmlSystemGetProcessName", pid, buffer, len(buffer)):
        return os.path.basename(buffer.value.decode("utf-8", "replace"))
    return None


def slowed_by(nvml, handle):
    reasons = ctypes.c_ulonglong()
    for name in (
        "nvmlDeviceGetCurrentClocksEventReasons",
        "nvmlDeviceGetCurrentClocksThrottleReasons",
    ):
        if succeeds(nvml, name, handle, ctypes.byref(reasons)):
            return [word for bit, word in SLOWED_BY.items() if reasons.value & bit]
    return None


def nvml_bus_id(nvml, handle):
    """nvmlPciInfo_t: a legacy id of 16 bytes, five numbers of 4, then the full id of 32."""
    info = ctypes.create_string_buffer(128)
    if not succeeds(nvml, "nvmlDeviceGetPciInfo_v3", handle, info):
        return None
    full = info.raw[36:68].split(b"\0")[0] or info.raw[:16].split(b"\0")[0]
    return full.decode("ascii", "replace")


def plain_bus_id(bus_id):
    """ "00000000:65:00.0" and "0000:65:00.0" are one place."""
    parts = (bus_id or "").lower().split(":")
    if len(parts) != 3:
        return (bus_id or "").lower()
    return ":".join([parts[0].lstrip("0") or "0", *parts[1:]])


def call(library, name, *args):
    """The status, or -1 where the library is older than the function."""
    try:
        function = getattr(library, name)
    except AttributeError:
        return -1
    return function(*args)


def succeeds(library, name, *args):
    return call(library, name, *args) == 0


def integer(function, *args):
    value = ctypes.c_int()
    return value.value if function(ctypes.byref(value), *args) == 0 else None


def integer_of(library, name, *args):
    value = ctypes.c_uint()
    return value.value if succeeds(library, name, *args, ctypes.byref(value)) else None


def pair(library, name, *args, together=False):
    """Two numbers by two pointers, or by one to a struct of both."""
    values = (ctypes.c_uint * 2)()
    second = ctypes.byref(values, ctypes.sizeof(ctypes.c_uint))
    pointers = (values,) if together else (values, second)
    return tuple(values) if succeeds(library, name, *args, *pointers) else (None, None)


def text(library, name, *args, before=False):
    """A name: libcuda takes the buffer before the device, libnvidia-ml after it."""
    buffer = ctypes.create_string_buffer(TEXT_BYTES)
    given = (buffer, TEXT_BYTES, *args) if before else (*args, buffer, TEXT_BYTES)
    if not succeeds(library, name, *given):
        return None
    return buffer.value.decode("utf-8", "replace")


def cuda_error(cuda, status):
    words = ctypes.c_char_p()
    if succeeds(cuda, "cuGetErrorName", status, ctypes.byref(words)) and words.value:
        return f"{words.value.decode('ascii', 'replace')} ({status})"
    return f"error {status}"


def nvml_error(nvml, status):
    try:
        nvml.nvmlErrorString.restype = ctypes.c_char_p
        return f"{nvml.nvmlErrorString(status).decode('ascii', 'replace')} ({status})"
    except AttributeError:
        return f"error {status}"


if __name__ == "__main__":
    main()
