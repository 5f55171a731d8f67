"""Modules and their kernels."""

import ctypes
import time

from faults import BadRequest, Fault
from images import checked_image

# CUjit_option
INFO_LOG, INFO_LOG_BYTES, ERROR_LOG, ERROR_LOG_BYTES = 3, 4, 5, 6
LOG_BYTES = 8192
MOST_MODULES = 64
NOT_FOUND = 500
# CUfunction_attribute
MOST_DYNAMIC_SHARED = 8
NON_PORTABLE_CLUSTER = 14
# The largest cluster that every device with clusters takes.
PORTABLE_CLUSTER = 8


class Modules:
    def __init__(self, driver):
        self._driver = driver
        self._loaded = {}  # name: (handle, {kernel name: Kernel})

    def load(self, name, image):
        """Milliseconds that the driver took, and what it said. The name must be free."""
        if len(self._loaded) >= MOST_MODULES:
            raise BadRequest(f"more than {MOST_MODULES} modules")
        image = checked_image(image)
        start = time.monotonic()
        handle, log = self._load(image)
        self._loaded[name] = (handle, {})
        return (time.monotonic() - start) * 1e3, log

    def unload(self, name):
        """False where there was none."""
        handle, _ = self._loaded.pop(name, (None, None))
        if handle is not None:
            self._driver.call("cuModuleUnload", handle)
        return handle is not None

    def kernel(self, module, name, where):
        if module not in self._loaded:
            raise BadRequest(f'{where}: no module "{module[:64]}" is loaded')
        handle, kernels = self._loaded[module]
        if name not in kernels:
            function = ctypes.c_void_p()
            status = self._driver.status(
                "cuModuleGetFunction", ctypes.byref(function), handle, name.encode("utf-8")
            )
            if status:
                fault = self._driver.fault(status, "cuModuleGetFunction")
                raise Fault(
                    "launch_failed",
                    f'{fault.message}: module "{module[:64]}" has no kernel "{name[:200]}"',
                    fault.exits,
                )
            kernels[name] = Kernel(self._driver, function.value)
        return kernels[name]

    def _load(self, image):
        info, errors = (ctypes.create_string_buffer(LOG_BYTES) for _ in range(2))
        options = (ctypes.c_int * 4)(INFO_LOG, INFO_LOG_BYTES, ERROR_LOG, ERROR_LOG_BYTES)
        values = (ctypes.c_void_p * 4)(
            ctypes.addressof(info), LOG_BYTES, ctypes.addressof(errors), LOG_BYTES
        )
        handle = ctypes.c_void_p()
        status = self._driver.status(
            "cuModuleLoadDataEx", ctypes.byref(handle), image, 4, options, values
        )
        log = "\n".join(part for part in (text(info), text(errors)) if part)
        if status:
            fault = self._driver.fault(status, "cuModuleLoadDataEx")
            kind = fault.kind if fault.exits else "module_load_failed"
            raise Fault(kind, "\n".join(filter(None, [fault.message, log])), fault.exits)
        return handle.value, log


class Kernel:
    """A function of a module, with what must be known before it is launched."""

    def __init__(self, driver, handle):
        self.handle = handle
        self._driver = driver
        self._dynamic_shared = driver.integer("cuFuncGetAttribute", MOST_DYNAMIC_SHARED, handle)
        self._non_portable = False
        self._sizes = self._parameter_sizes()

    def check_params(self, params, where):
        """The driver copies as many bytes as the kernel takes, whatever it is given."""
        sizes = [len(value) for value in params]
        if self._sizes is not None and sizes != self._sizes:
            raise BadRequest(
                f"{where}: params of {numbers(sizes)} bytes; the kernel takes {numbers(self._sizes)}"
            )

    def allow(self, dynamic_shared_bytes, cluster):
        if dynamic_shared_bytes > self._dynamic_shared:
            self._set(MOST_DYNAMIC_SHARED, dynamic_shared_bytes)
            self._dynamic_shared = dynamic_shared_bytes
        blocks = cluster[0] * cluster[1] * cluster[2] if cluster else 1
        if blocks > PORTABLE_CLUSTER and not self._non_portable:
            self._set(NON_PORTABLE_CLUSTER, 1)
            self._non_portable = True

    def _set(self, attribute, value):
        self._driver.call("cuFuncSetAttribute", self.handle, attribute, value)

    def _parameter_sizes(self):
        if not self._driver.has("cuFuncGetParamInfo"):
            return None
        offset, size, sizes = ctypes.c_size_t(), ctypes.c_size_t(), []
        # The first index that there is not ends the list.
        while not self._driver.status(
            "cuFuncGetParamInfo", self.handle, len(sizes), ctypes.byref(offset), ctypes.byref(size)
        ):
            sizes.append(size.value)
        return sizes


def numbers(values):
    return ", ".join(str(value) for value in values[:40]) or "no"


def text(buffer):
    return buffer.value.decode("utf-8", "replace").strip()
