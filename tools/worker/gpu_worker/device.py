"""One GPU: its facts, and the context on it."""

import ctypes
import re

from driver import Driver
from faults import Fault

# CUdevice_attribute
SMS, L2_BYTES, CAPABILITY_MAJOR, CAPABILITY_MINOR = 16, 38, 75, 76
TEXT_BYTES = 256


def open_device(index):
    """The driver with the GPU's primary context, the device's handle, and its facts."""
    driver = Driver()
    try:
        driver.call("cuInit", 0)
        count = driver.integer("cuDeviceGetCount")
        if index >= count:
            raise Fault("gpu_unavailable", f"device_index {index}: the driver shows {count} GPUs")
        device = driver.integer("cuDeviceGet", index)
        context = driver.handle("cuDevicePrimaryCtxRetain", device)
        driver.call("cuCtxSetCurrent", context)
        return driver, device, facts(driver, device, index)
    except Fault as fault:
        raise Fault("gpu_unavailable", fault.message) from None


def facts(driver, device, index):
    def attribute(number):
        return driver.integer("cuDeviceGetAttribute", number, device)

    name = ctypes.create_string_buffer(TEXT_BYTES)
    driver.call("cuDeviceGetName", name, TEXT_BYTES, device)
    uuid = ctypes.create_string_buffer(16)
    driver.call("cuDeviceGetUuid", uuid, device)
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    driver.call("cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
    version = driver.integer("cuDriverGetVersion")
    return {
        "index": index,
        "name": name.value.decode("utf-8", "replace"),
        "uuid": uuid_text(uuid.raw.hex()),
        "compute_capability": f"{attribute(CAPABILITY_MAJOR)}.{attribute(CAPABILITY_MINOR)}",
        "sms": attribute(SMS),
        "l2_bytes": attribute(L2_BYTES),
        "memory_bytes": driver.size("cuDeviceTotalMem_v2", device),
        "memory_free_bytes": free.value,
        "driver_version": driver_version(),
        "cuda_driver_version": f"{version // 1000}.{version % 1000 // 10}",
    }


def uuid_text(digits):
    """As nvidia-smi writes it."""
    parts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
    return "GPU-" + "-".join(parts)


def driver_version():
    """Of the kernel module; None where the system does not tell."""
    for path in ("/sys/module/nvidia/version", "/proc/driver/nvidia/version"):
        try:
            with open(path, encoding="ascii", errors="replace") as file:
                found = re.search(r"\b([0-9]{3}\.[0-9]+(\.[0-9]+)?)\b", file.read())
                if found:
                    return found.group(1)
        except OSError:
            continue
    return None
