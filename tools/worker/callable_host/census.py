"""Which operators of torch a call runs: at the interface and below it."""

import threading

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

_MOST_NAMES = 64


class _Functions(TorchFunctionMode):
    def __init__(self, names):
        super().__init__()
        self.names = names

    def __torch_function__(self, func, types, args=(), kwargs=None):
        _note(self.names, getattr(func, "__name__", str(func)))
        return func(*args, **(kwargs or {}))


class _Operators(TorchDispatchMode):
    def __init__(self, names):
        super().__init__()
        self.names = names

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        _note(self.names, str(func))
        return func(*args, **(kwargs or {}))


def count_calls(call):
    """Runs `call` once more under both modes: {"functions", "operators", "kernels"}."""
    functions, operators = [], []
    with _Functions(functions), _Operators(operators):
        call()
    return {"functions": functions, "operators": operators, "kernels": _kernels(call)}


def _kernels(call):
    """Names of the GPU's kernels in another call, as the profiler sees them."""
    if not torch.cuda.is_available():
        return []
    activities = [torch.profiler.ProfilerActivity.CUDA, torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities) as profile:
        call()
        torch.cuda.synchronize()
    names = []
    for event in profile.events():
        if event.device_type == torch.autograd.DeviceType.CUDA:
            _note(names, event.name)
    return names


def _note(names, name):
    if name not in names and len(names) < _MOST_NAMES:
        names.append(name)


class Threads:
    """Python threads that were not there before."""

    def __init__(self):
        self._known = set(threading.enumerate())

    def started(self):
        """[{"name", "file"}] of threads that still run; `file` is where their function stands."""
        new = [each for each in threading.enumerate() if each not in self._known]
        self._known.update(new)
        return [{"name": each.name, "file": _file_of(each)} for each in new if each.is_alive()]


def _file_of(thread):
    target = getattr(thread, "_target", None) or type(thread).run
    code = getattr(getattr(target, "__func__", target), "__code__", None)
    return code.co_filename if code else ""
