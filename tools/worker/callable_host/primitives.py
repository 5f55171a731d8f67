"""The functions that a reply rests on, as they were before the candidate was imported."""

import builtins
import gc
import json
import os
import struct
import sys
import threading
import time

import torch

_OWNERS = (
    (
        "torch",
        torch,
        """allclose equal isclose empty empty_like zeros tensor from_numpy frombuffer as_strided
        is_tensor Tensor Event compile""",
    ),
    ("torch.testing", torch.testing, "assert_close assert_allclose"),
    (
        "torch.Tensor",
        torch.Tensor,
        """__eq__ __ne__ __getitem__ __setitem__ __torch_function__ allclose as_strided clone
        contiguous copy_ cpu cuda data_ptr detach device dtype equal fill_ is_contiguous item
        numpy reshape set_ shape size storage_offset stride to tolist untyped_storage view""",
    ),
    (
        "torch.cuda",
        torch.cuda,
        """Event Stream CUDAGraph current_stream default_stream device_count empty_cache
        get_device_properties is_available stream synchronize _sleep""",
    ),
    ("torch.cuda.Event", torch.cuda.Event, "elapsed_time query record synchronize wait"),
    ("torch.cuda.Stream", torch.cuda.Stream, "query record_event synchronize wait_event"),
    (
        "time",
        time,
        "time time_ns perf_counter perf_counter_ns monotonic monotonic_ns process_time sleep",
    ),
    ("os", os, "read write open close dup dup2 _exit fork kill getpid environ"),
    ("sys", sys, "settrace setprofile gettrace getprofile addaudithook modules _getframe exit"),
    ("gc", gc, "get_objects get_referrers get_referents"),
    ("threading", threading, "enumerate Thread settrace setprofile"),
    ("builtins", builtins, "type isinstance id len open print getattr setattr compile __import__"),
    ("json", json, "dumps loads"),
    ("struct", struct, "Struct pack unpack"),
)

_getattr, _type = getattr, type
_missing = object()


class Snapshot:
    """Compares now with then."""

    def __init__(self):
        self._bound = [
            (f"{label}.{name}", owner, name, _getattr(owner, name, _missing))
            for label, owner, names in _OWNERS
            for name in names.split()
        ]
        # Attributes of builtin types make a new object at each look: compared by value.
        self._kernels = set(_registered())
        self._trace = sys.gettrace, sys.getprofile

    def changed(self):
        """Names of what is no longer what it was; empty where all is."""
        names = [
            label
            for label, owner, name, before in self._bound
            if not _same(_getattr(owner, name, _missing), before)
        ]
        get_trace, get_profile = self._trace
        if get_trace() is not None or get_profile() is not None:
            names.append("sys.settrace")
        if torch._C._len_torch_dispatch_stack() or torch._C._len_torch_function_stack():
            names.append("torch's dispatch modes")
        names += sorted(_registered() - self._kernels)
        return names


def _same(now, before):
    if now is before:
        return True
    return _type(now) is _type(before) and _type(now).__name__ in _REBOUND and now == before


# Looked up on a class, these come as new but equal objects each time.
_REBOUND = frozenset(
    ("builtin_function_or_method", "method", "method-wrapper", "wrapper_descriptor")
)


def _registered():
    """Implementations put in place of torch's own operators: "aten/rms_norm/CUDA"."""
    keys = _getattr(torch.library, "_impls", ())
    return {key for key in list(keys) if key.startswith("aten/") and not key.endswith("/Meta")}
