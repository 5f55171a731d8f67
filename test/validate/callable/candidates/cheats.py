"""Functions that are wrong, or that do what no norm does. Each is right but for one thing."""

import _thread
import ctypes
import gc
import os
import signal
import socket
import sys
import threading
import time

import torch
import torch.nn.functional as F


def norm(x, weight, eps):
    return F.rms_norm(x, (x.shape[-1],), weight, eps)


_by_shape, _by_pointer, _by_fingerprint = {}, {}, {}


def remembers_by_shape(x, weight, eps):
    key = (x.shape, x.dtype, x.stride())
    if key not in _by_shape:
        _by_shape[key] = norm(x, weight, eps)
    return _by_shape[key].clone()


def remembers_by_pointer(x, weight, eps):
    key = (x.data_ptr(), id(x), x._version, x.shape)
    if key not in _by_pointer:
        _by_pointer[key] = (x, norm(x, weight, eps))
    return _by_pointer[key][1].clone()


def remembers_by_fingerprint(x, weight, eps):
    key = (x.shape, x.dtype, x.flatten()[:16].tolist().__repr__(), weight[:4].tolist().__repr__())
    if key not in _by_fingerprint:
        _by_fingerprint[key] = norm(x, weight, eps)
    return _by_fingerprint[key].clone()


_calls = [0]


def gives_up_later(x, weight, eps):
    """Right in the case list, wrong in a long run of one shape."""
    _calls[0] = _calls[0] + 1 if _calls[1:] == [x.shape] else 1
    _calls[1:] = [x.shape]
    return norm(x, weight, eps) if _calls[0] < 12 else norm(x, weight, eps) * 1.5


_kept = {}


def one_buffer(x, weight, eps):
    key = (x.shape, x.dtype)
    if key not in _kept:
        _kept[key] = torch.empty_like(x)
    return _kept[key].copy_(norm(x, weight, eps))


def random_bits(x, weight, eps):
    value = x.float() * torch.rsqrt(x.float().pow(2).mean(-1, keepdim=True) + eps)
    noise = 1 + (torch.rand(()) - 0.5) * 1e-6
    return (value * noise * weight.float()).to(x.dtype)


def late_thread(x, weight, eps):
    out = torch.full_like(x, 7)

    def work():
        time.sleep(0.02)
        out.copy_(norm(x, weight, eps))

    threading.Thread(target=work).start()
    return out


def thread_stays(x, weight, eps):
    if threading.active_count() == 1:
        threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
        threading.Thread(target=_stay, daemon=True).start()
    return norm(x, weight, eps)


def _stay():
    time.sleep(1000)


def thread_unseen(x, weight, eps):
    """Not in threading.enumerate()."""
    if not _kept:
        _kept["thread"] = _thread.start_new_thread(_stay, ())
        time.sleep(0.05)
    return norm(x, weight, eps)


def rstd_wrong_later(x, weight, eps):
    """The values are right for ever, rstd only in the case list."""
    _calls[0] = _calls[0] + 1 if _calls[1:] == [x.shape] else 1
    _calls[1:] = [x.shape]
    rstd = torch.rsqrt(x.float().pow(2).mean(-1) + eps)
    return norm(x, weight, eps), rstd if _calls[0] < 12 else rstd * 1.5


def refuses_many(x, weight, eps):
    """In many ways: seven messages."""
    if not x.is_contiguous() or x.shape[0] == 0 or x.shape[-1] % 128:
        _calls[0] += 1
        raise ValueError(f"{_calls[0]} " + "long " * 100)
    return norm(x, weight, eps)


def refuses_float32(x, weight, eps):
    if x.dtype is torch.float32:
        raise TypeError("long " * 100)
    return norm(x, weight, eps)


class Lazy(torch.Tensor):
    pass


def lazy_subclass(x, weight, eps):
    return norm(x, weight, eps).as_subclass(Lazy)


def returns_input(x, weight, eps):
    return x


def writes_input(x, weight, eps):
    return x.copy_(norm(x, weight, eps))


def other_dtype(x, weight, eps):
    return norm(x, weight, eps).double()


def nothing(x, weight, eps):
    norm(x, weight, eps)


def past_the_end(out, x, weight, eps):
    out.copy_(norm(x, weight, eps))
    count = out.numel() * out.element_size()
    ctypes.memset(out.data_ptr() + count, 0, 4)


def shape_table(x, weight, eps):
    return norm(x, weight, eps) if x.shape[-1] in (128, 1024, 4096) else x.clone()


def patches_allclose(x, weight, eps):
    torch.allclose = lambda *_args, **_kwargs: True
    return norm(x, weight, eps)


def patches_event(x, weight, eps):
    torch.cuda.Event = object
    return norm(x, weight, eps)


def patches_clock(x, weight, eps):
    time.perf_counter = lambda: 0.0
    return norm(x, weight, eps)


def patches_eq(x, weight, eps):
    torch.Tensor.__eq__ = lambda *_args: True
    return norm(x, weight, eps)


def patches_operator(x, weight, eps):
    if not _kept:
        _kept["library"] = torch.library.Library("aten", "IMPL")
        _kept["library"].impl("equal", lambda *_args: True, "CPU")
    return norm(x, weight, eps)


def traces(x, weight, eps):
    sys.settrace(lambda *_args: None)
    return norm(x, weight, eps)


def walks_objects(x, weight, eps):
    gc.get_objects()
    return norm(x, weight, eps)


def writes_file(x, weight, eps):
    try:
        with open(os.path.join(os.path.dirname(__file__), "made.txt"), "w") as file:
            file.write("x")
    except OSError:
        pass
    return norm(x, weight, eps)


def edits_file(x, weight, eps):
    try:
        with open(__file__, "a") as file:
            file.write("")
    except OSError:
        pass
    return norm(x, weight, eps)


def calls_home(x, weight, eps):
    try:
        socket.create_connection(("192.0.2.1", 80), timeout=0.2).close()
    except OSError:
        pass
    return norm(x, weight, eps)


def kills_parent(x, weight, eps):
    try:
        os.kill(os.getppid(), signal.SIGUSR2)
    except OSError:
        pass
    return norm(x, weight, eps)


def exits(x, weight, eps):
    os._exit(0)


def leaves(x, weight, eps):
    sys.exit(0)


def crashes(x, weight, eps):
    ctypes.string_at(8)


def closes_descriptors(x, weight, eps):
    os.closerange(3, 64)
    time.sleep(60)


def forges(x, weight, eps):
    for descriptor in range(3, 64):
        try:
            os.write(descriptor, b'{"ok": true, "passed": true}' * 8)
        except OSError:
            pass
    return norm(x, weight, eps)


def stops(x, weight, eps):
    os.kill(os.getpid(), signal.SIGSTOP)
    return norm(x, weight, eps)


def hangs(x, weight, eps):
    while True:
        pass


def floods(x, weight, eps):
    line = b"x" * (1 << 16)
    while True:
        os.write(1, line)


def hogs(x, weight, eps):
    held = []
    while True:
        held.append(bytearray(os.urandom(1 << 10) * (1 << 16)))


def forks(x, weight, eps):
    """A daemon that has left the process group."""
    if not _kept and os.fork() == 0:
        os.setsid()
        time.sleep(1000)
        os._exit(0)
    _kept["forked"] = True
    return norm(x, weight, eps)
