"""Which operators of torch a call runs, as the profiler sees them, and which Python threads run on."""

import threading

import torch

_MOST_NAMES = 64
_cuda = torch.autograd.DeviceType.CUDA


def count_calls(call, cuda):
    """Runs `call` once more: {"operators", "kernels"}, each name once; kernels are the GPU's."""
    with torch.autograd.profiler.profile(use_device="cuda" if cuda else None) as profile:
        call()
        if cuda:
            torch.cuda.synchronize()
    operators, kernels = [], []
    for event in profile.function_events:
        if event.device_type == _cuda:
            _note(kernels, event.name)
        elif event.name.startswith("aten::"):
            _note(operators, event.name)
    return {"operators": operators, "kernels": kernels}


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


def _note(names, name):
    if name not in names and len(names) < _MOST_NAMES:
        names.append(name)
