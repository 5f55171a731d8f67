"""The request loop: hello, load, call, recall, census, drop. One reply for each request."""

import os
import time
import traceback

from callable_host import sandbox
from callable_host.channel import Channel

_exit = os._exit
_sleep = time.sleep
# Of the GPU's clock: about 10 ms, in which a producer has not written its output yet.
_DELAY_CYCLES = 20_000_000
_SETTLE_S = 0.05


def serve(requests, replies):
    channel = Channel(requests, replies)
    host = None
    while True:
        received = channel.receive()
        if received is None:
            _exit(0)
        request, data, nonce = received
        if request["op"] == "hello":
            host = Host(request)
            reply, pieces = host.hello()
        else:
            reply, pieces = getattr(host, request["op"])(request, data)
        channel.send(reply, pieces, nonce)


def _words(request, slot):
    """What the words of the signature stand for. JSON does not tell 0.0 from 0: compilers do."""
    numbers = request["numbers"]
    real = {name: float(numbers[name]) for name in ("eps", "weight_offset") if name in numbers}
    return {**dict.fromkeys(request["absent"]), **numbers, **real, **slot.tensors}


class Host:
    """The candidate, the buffers it is called with, and what it may not touch."""

    def __init__(self, request):
        self._folder = request["folder"]
        self._workspace = request["workspace"]
        self._isolation = sandbox.enter([self._folder, "/dev", "/proc/self/task"])
        # Only now: threads that torch starts are restricted as well.
        import torch

        from callable_host import census, load, primitives, tensors, watch

        self._torch, self._census, self._load, self._tensors = torch, census, load, tensors
        self._cuda = torch.cuda.is_available() and not request.get("force_cpu")
        self._device = "cuda" if self._cuda else "cpu"
        if self._cuda:
            torch.empty(1, device="cuda")
            self._side = torch.cuda.Stream()
            self._bind_streams()
        elif request["most_memory_bytes"] and os.path.exists("/proc/self/statm"):
            sandbox.limit_memory(request["most_memory_bytes"])
        self._watch = watch.Watch(self._folder)
        self._snapshot = primitives.Snapshot()
        self._threads = census.Threads()
        self._slots = {}
        self._call = None

    def _bind_streams(self):
        cuda = self._torch.cuda
        self._stream, self._current = cuda.stream, cuda.current_stream
        self._synchronize, self._spin = cuda.synchronize, cuda._sleep

    def hello(self):
        torch = self._torch
        facts = {
            "torch": torch.__version__,
            "device": self._device,
            "device_name": torch.cuda.get_device_name() if self._cuda else "CPU",
            "isolation": self._isolation,
        }
        return facts, []

    def load(self, request, _data):
        """The candidate's module, imported under watch."""
        where = (self._workspace, request["module"], request.get("file"), request["function"])

        def run():
            return self._load.load(*where)

        loaded, error = self._watched(run)
        if error:
            return {**error, **self._traces()}, []
        function, module = loaded
        name = request["signature_name"]
        self._call = self._load.compile_call(request["signature"], name, function)
        claims = self._load.claims_of(module, self._workspace) if request["own"] else []
        return {"claims": claims, **self._traces()}, []

    def call(self, request, data):
        """New content, one call, and what it left behind: facts and bytes."""
        slot = self._slot(request)
        staged = slot.stage(data)
        self._tensors.poison_free_memory(request["out_bytes"], self._device)
        words = _words(request, slot)
        if not self._cuda:
            slot.fill(staged)
            return self._finish(slot, words)
        self._synchronize()
        stream = self._side if request["stream"] == "side" else self._current()
        with self._stream(stream):
            if request["delayed"]:
                self._spin(_DELAY_CYCLES)
            slot.fill(staged)
            return self._finish(slot, words)

    def recall(self, request, _data):
        """What an earlier call left behind, as it is now that everything has come to its end."""
        slot = self._slots[request["slot"]]
        if self._cuda:
            self._synchronize()
        _sleep(_SETTLE_S)
        return self._contents(slot)

    def census(self, request, _data):
        """Which operators of torch a call runs; the call itself counts for nothing."""
        slot = self._slots[request["slot"]]
        words = _words(request, slot)
        counted, error = self._watched(
            lambda: self._census.count_calls(lambda: self._call(words), self._cuda), watch=False
        )
        return (error or counted), []

    def drop(self, request, _data):
        self._slots.pop(request["slot"], None)
        return {}, []

    def _slot(self, request):
        name = request["slot"]
        if request.get("buffers") is not None:
            self._slots[name] = self._tensors.Slot(request["buffers"], self._device)
        return self._slots[name]

    def _finish(self, slot, words):
        slot.result, error = self._watched(lambda: self._call(words))
        if error:
            return {**error, **self._traces()}, []
        try:
            reply, pieces = self._contents(slot)
        except RuntimeError as failure:
            # An asynchronous fault of a kernel comes out where its output is read.
            return {**self._error(failure), **self._traces()}, []
        return {**reply, **self._traces()}, pieces

    def _contents(self, slot):
        value = slot.result
        several = type(value) in (tuple, list)
        values = list(value)[:4] if several else [value]
        described = [self._tensors.describe(each, slot) for each in values]
        buffers = slot.contents()
        pieces = [*buffers, *(content for _, content in described)]
        facts = [{**one, "bytes": len(content)} for one, content in described]
        return {"results": facts, "several": several}, pieces

    def _watched(self, run, watch=True):
        """(what `run` returns, None) or (None, {"error": …}); its events are kept."""
        self._watch.on = watch
        try:
            return run(), None
        except BaseException as failure:  # noqa: BLE001 - candidates raise SystemExit too
            return None, self._error(failure)
        finally:
            self._watch.on = False

    def _error(self, failure):
        frames = traceback.extract_tb(failure.__traceback__)
        inside = [each for each in frames if each.filename.startswith(self._workspace)]
        where = f"{inside[-1].filename}:{inside[-1].lineno}" if inside else ""
        text = " ".join(str(failure).split())[:400]
        return {"error": {"type": type(failure).__name__, "message": text, "where": where}}

    def _traces(self):
        return {
            "changed": self._snapshot.changed(),
            "events": self._watch.events(),
            "threads": self._threads.started(),
        }
