"""The CUDA driver through ctypes: the functions that the runner calls, with their types."""

import ctypes
from ctypes import POINTER, c_char_p, c_float, c_int, c_size_t, c_uint, c_uint64, c_void_p

from faults import Fault, fault_of_status

ptr_int = POINTER(c_int)
ptr_size = POINTER(c_size_t)
ptr_u64 = POINTER(c_uint64)
ptr_handle = POINTER(c_void_p)


class Location(ctypes.Structure):
    """CUmemLocation."""

    _fields_ = [("type", c_int), ("id", c_int)]


class AllocationProp(ctypes.Structure):
    """CUmemAllocationProp."""

    _fields_ = [
        ("type", c_int),
        ("requested_handle_types", c_int),
        ("location", Location),
        ("win32_handle_meta_data", c_void_p),
        ("alloc_flags", ctypes.c_ubyte * 8),
    ]


class AccessDesc(ctypes.Structure):
    """CUmemAccessDesc."""

    _fields_ = [("location", Location), ("flags", c_int)]


class LaunchAttribute(ctypes.Structure):
    """CUlaunchAttribute: an id, four bytes of padding, a union of 64 bytes."""

    _fields_ = [("id", c_int), ("padding", c_uint), ("value", c_uint * 16)]


class LaunchConfig(ctypes.Structure):
    """CUlaunchConfig."""

    _fields_ = [
        ("grid", c_uint * 3),
        ("block", c_uint * 3),
        ("shared_bytes", c_uint),
        ("stream", c_void_p),
        ("attributes", POINTER(LaunchAttribute)),
        ("attribute_count", c_uint),
    ]


# Without types ctypes would cut addresses to 32 bits.
SIGNATURES = {
    "cuInit": [c_uint],
    "cuDriverGetVersion": [ptr_int],
    "cuDeviceGetCount": [ptr_int],
    "cuDeviceGet": [ptr_int, c_int],
    "cuDeviceGetName": [c_char_p, c_int, c_int],
    "cuDeviceGetUuid": [c_char_p, c_int],
    "cuDeviceTotalMem_v2": [ptr_size, c_int],
    "cuDeviceGetAttribute": [ptr_int, c_int, c_int],
    "cuDevicePrimaryCtxRetain": [ptr_handle, c_int],
    "cuCtxSetCurrent": [c_void_p],
    "cuMemGetInfo_v2": [ptr_size, ptr_size],
    "cuMemAlloc_v2": [ptr_u64, c_size_t],
    "cuMemFree_v2": [c_uint64],
    "cuMemGetAllocationGranularity": [ptr_size, POINTER(AllocationProp), c_int],
    "cuMemAddressReserve": [ptr_u64, c_size_t, c_size_t, c_uint64, c_uint64],
    "cuMemAddressFree": [c_uint64, c_size_t],
    "cuMemCreate": [ptr_u64, c_size_t, POINTER(AllocationProp), c_uint64],
    "cuMemRelease": [c_uint64],
    "cuMemMap": [c_uint64, c_size_t, c_size_t, c_uint64, c_uint64],
    "cuMemSetAccess": [c_uint64, c_size_t, POINTER(AccessDesc), c_size_t],
    "cuMemUnmap": [c_uint64, c_size_t],
    "cuMemsetD8Async": [c_uint64, ctypes.c_ubyte, c_size_t, c_void_p],
    "cuMemsetD16Async": [c_uint64, ctypes.c_ushort, c_size_t, c_void_p],
    "cuMemsetD32Async": [c_uint64, c_uint, c_size_t, c_void_p],
    "cuMemcpyHtoDAsync_v2": [c_uint64, c_void_p, c_size_t, c_void_p],
    "cuMemcpyDtoHAsync_v2": [c_void_p, c_uint64, c_size_t, c_void_p],
    "cuMemcpyDtoDAsync_v2": [c_uint64, c_uint64, c_size_t, c_void_p],
    "cuModuleLoadDataEx": [ptr_handle, c_void_p, c_uint, ptr_int, ptr_handle],
    "cuModuleUnload": [c_void_p],
    "cuModuleGetFunction": [ptr_handle, c_void_p, c_char_p],
    "cuFuncGetAttribute": [ptr_int, c_int, c_void_p],
    "cuFuncSetAttribute": [c_void_p, c_int, c_int],
    "cuFuncGetParamInfo": [c_void_p, c_size_t, ptr_size, ptr_size],
    "cuLaunchKernelEx": [POINTER(LaunchConfig), c_void_p, ptr_handle, ptr_handle],
    "cuStreamCreate": [ptr_handle, c_uint],
    "cuStreamQuery": [c_void_p],
    "cuStreamWaitEvent": [c_void_p, c_void_p, c_uint],
    "cuStreamBeginCapture_v2": [c_void_p, c_int],
    "cuStreamEndCapture": [c_void_p, ptr_handle],
    "cuEventCreate": [ptr_handle, c_uint],
    "cuEventRecord": [c_void_p, c_void_p],
    "cuEventQuery": [c_void_p],
    "cuEventElapsedTime": [POINTER(c_float), c_void_p, c_void_p],
    "cuEventDestroy_v2": [c_void_p],
    "cuGraphInstantiateWithFlags": [ptr_handle, c_void_p, c_uint64],
    "cuGraphLaunch": [c_void_p, c_void_p],
    "cuGraphDestroy": [c_void_p],
    "cuGraphExecDestroy": [c_void_p],
    "cuGetErrorName": [c_int, POINTER(c_char_p)],
}
# Drivers older than CUDA 12.4 do not tell a kernel's parameters.
OPTIONAL = {"cuFuncGetParamInfo"}

SUCCESS = 0
NOT_READY = 600


class Driver:
    """The driver's functions by name. `call` raises a Fault for every status but success."""

    def __init__(self):
        library = load_library()
        self._functions = {}
        for name, types in SIGNATURES.items():
            function = getattr(library, name, None)
            if function is None and name not in OPTIONAL:
                raise Fault(
                    "gpu_unavailable", f"the NVIDIA driver lacks {name}: it is older than CUDA 11.8"
                )
            if function is not None:
                function.argtypes = types
                function.restype = c_int
                self._functions[name] = function

    def has(self, name):
        return name in self._functions

    def status(self, name, *args):
        return self._functions[name](*args)

    def call(self, name, *args):
        status = self._functions[name](*args)
        if status != SUCCESS:
            raise self.fault(status, name)

    def fault(self, status, name):
        return fault_of_status(status, self.error_name(status), name)

    def error_name(self, status):
        words = c_char_p()
        found = self.status("cuGetErrorName", status, ctypes.byref(words)) == SUCCESS
        return words.value.decode("ascii", "replace") if found and words.value else "unknown error"

    def integer(self, name, *args):
        """The int that a function writes through its first pointer."""
        value = c_int()
        self.call(name, ctypes.byref(value), *args)
        return value.value

    def size(self, name, *args):
        value = c_size_t()
        self.call(name, ctypes.byref(value), *args)
        return value.value

    def address(self, name, *args):
        value = c_uint64()
        self.call(name, ctypes.byref(value), *args)
        return value.value

    def handle(self, name, *args):
        """The pointer that a function writes through its first pointer."""
        value = c_void_p()
        self.call(name, ctypes.byref(value), *args)
        return value.value


def load_library():
    names = ("libcuda.so.1", "nvcuda.dll", "/usr/lib/wsl/lib/libcuda.so.1")
    reasons = []
    for name in names:
        try:
            return ctypes.CDLL(name)
        except OSError as error:
            reasons.append(str(error))
    raise Fault("gpu_unavailable", f"the NVIDIA driver's library cannot be loaded: {reasons[0]}")
