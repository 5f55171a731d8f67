"""Which operators of torch a call runs, as the profiler sees them, and which Python threads run on."""

import sys
import threading

import torch

_MOST_NAMES = 64
# Bound here: a candidate may put another in its place.
_current_frames = sys._current_frames
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
    """Python threads that were not there before, those that `threading` does not know among them."""

    def __init__(self):
        self._known = set(threading.enumerate())
        self._hidden = set(_hidden())

    def started(self):
        """[{"name", "file"}] of threads that still run; `file` is where their function stands."""
        new = [each for each in threading.enumerate() if each not in self._known]
        self._known.update(new)
        found = [{"name": each.name, "file": _file_of(each)} for each in new if each.is_alive()]
        hidden = {ident: file for ident, file in _hidden().items() if ident not in self._hidden}
        self._hidden.update(hidden)
        return found + [{"name": str(ident), "file": file} for ident, file in hidden.items()]


def _hidden():
    """{identifier: file of its function} of threads that `_thread` started by itself."""
    first = _idents()
    frames = _current_frames()
    # Asked before and after: one that begins or ends meanwhile is known to one of both.
    known = first | _idents()
    return {ident: _outermost(frame) for ident, frame in frames.items() if ident not in known}


def _idents():
    return {each.ident for each in threading.enumerate()} | {threading.get_ident()}


def _outermost(frame):
    while frame.f_back is not None:
        frame = frame.f_back
    return frame.f_code.co_filename


def _file_of(thread):
    target = getattr(thread, "_target", None) or type(thread).run
    code = getattr(getattr(target, "__func__", target), "__code__", None)
    return code.co_filename if code else ""


def _note(names, name):
    if name not in names and len(names) < _MOST_NAMES:
        names.append(name)
