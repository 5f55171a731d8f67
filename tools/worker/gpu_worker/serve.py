"""The loop: a line in, a line out. Nothing that a line holds may end it but `bye` and a lost context."""

import json
import os
import select
import sys
import threading

from deadline import Deadline
from device import open_device
from faults import BadRequest, Fault
from graphs import Graphs
from images import read_image
from modules import Modules
from own_kernels import PTX
from protocol import MOST_LINE_BYTES, parse_line, read_request, request_id
from slots import open_slots
from steps import Executor
from streams import Streams

HELLO_MS = 120_000
UNLOAD_MS = 60_000
FIRST_PRIVATE = 3


class Server:
    def __init__(self, descriptor):
        self._descriptor = descriptor
        self._replying = threading.Lock()
        self._deadline = Deadline(self._expired, self._require_listener)
        self._id = None
        self._said_bye = False
        self._executor = None
        self._modules = None
        self._graphs = None

    def serve(self, stream):
        """Returns after `bye` and at the end of the requests."""
        for line in lines(stream):
            reply = self._answer(line)
            with self._replying:
                self._deadline.stop()
                self._write(reply)
            if not reply["ok"] and reply["fault"]["exits"]:
                # Not sys.exit: the driver's clean-up may wait for a kernel that hangs.
                os._exit(0)
            if self._said_bye:
                return

    def _answer(self, line):
        self._id = None
        if self._executor:
            self._executor.at = None
        try:
            value = parse_line(line)
            self._id = request_id(value)
            request = read_request(value)
            return {"id": self._id, "ok": True, **getattr(self, f"_{request.op}")(request)}
        except Fault as fault:
            return self._refusal(fault)
        except Exception as error:  # noqa: BLE001 - the boundary: our own bug must be an answer too
            # In the middle of a run nothing is known of what is still queued.
            in_a_run = self._executor is not None and self._executor.at is not None
            fault = Fault("runner_failed", f"{type(error).__name__}: {error}"[:2000], in_a_run)
            return self._refusal(fault)

    def _hello(self, request):
        if self._executor:
            raise BadRequest("hello was answered before")
        self._deadline.start(HELLO_MS)
        driver, device, facts = open_device(request.device_index)
        try:
            slots = open_slots(driver, device, request)
            self._modules = Modules(driver)
            self._modules.load("runner", PTX)
            self._graphs = Graphs(driver)
            self._executor = Executor(
                driver, slots, Streams(driver), self._modules, self._graphs, self._deadline
            )
        except Fault as fault:
            raise Fault("gpu_unavailable", fault.message, exits=True) from None
        return {
            "device": facts,
            "base": hex(slots.base),
            "slots": slots.slots,
            "slot_bytes": hex(slots.slot_bytes),
            "guarded": slots.guarded,
            "pid": os.getpid(),
        }

    def _load(self, request):
        self._require_hello()
        self._deadline.start(request.time_limit_ms)
        # A graph holds kernels of the module that goes; it goes also when no other takes its place,
        # or an old candidate would run in the name of the new one.
        self._graphs.drop_all()
        self._modules.unload(request.module)
        image = read_image(request.image_path) if request.image is None else request.image
        load_ms, log = self._modules.load(request.module, image)
        return {"load_ms": round(load_ms, 3), "log": log}

    def _unload(self, request):
        self._require_hello()
        self._deadline.start(UNLOAD_MS)
        self._graphs.drop_all()
        if not self._modules.unload(request.module):
            raise BadRequest(f'no module "{request.module}" is loaded')
        return {}

    def _run(self, request):
        self._require_hello()
        self._deadline.start(request.time_limit_ms)
        results, gpu_ms = self._executor.run(request.steps)
        return {"results": results, "gpu_ms": round(gpu_ms, 6)}

    def _bye(self, _request):
        self._said_bye = True
        return {}

    def _require_hello(self):
        if not self._executor:
            raise BadRequest("say hello first")

    def _refusal(self, fault):
        return {
            "id": self._id,
            "ok": False,
            "fault": {
                "kind": fault.kind,
                "step": self._executor.at if self._executor else None,
                "message": fault.message,
                "exits": fault.exits,
            },
        }

    def _expired(self, fault):
        """From the thread: the main one is held in the driver."""
        with self._replying:
            # The main thread may have come back and replied meanwhile.
            if self._deadline.overdue():
                self._write(self._refusal(fault))
                os._exit(0)

    def _write(self, reply):
        left = memoryview(json.dumps(reply, separators=(",", ":")).encode("ascii") + b"\n")
        try:
            while left:
                left = left[os.write(self._descriptor, left) :]
        except OSError:
            # Nobody reads: there is nothing left to do.
            os._exit(0)

    def _require_listener(self):
        """Ends the process in the middle of a run when nobody waits for the reply any more."""
        if not hasattr(select, "poll"):
            return
        poll = select.poll()
        poll.register(self._descriptor, 0)
        if any(events & (select.POLLERR | select.POLLHUP) for _, events in poll.poll(0)):
            os._exit(0)


def lines(stream):
    """Each line that is not blank; None for one that is too long."""
    while True:
        line = stream.readline(MOST_LINE_BYTES + 1)
        if not line:
            return
        if len(line) > MOST_LINE_BYTES:
            while not line.endswith(b"\n") and line:
                line = stream.readline(65536)
            yield None
        elif not line.isspace():
            yield line


def private_descriptor(arguments):
    """Where replies go. Standard output is pointed at standard error before anything can print."""
    if len(arguments) == 2 and arguments[0] == "--reply-fd" and arguments[1].isdecimal():
        descriptor = int(arguments[1])
        if descriptor < FIRST_PRIVATE:
            raise ValueError("--reply-fd is a standard descriptor")
        os.fstat(descriptor)
    elif not arguments:
        descriptor = os.dup(1)
    else:
        raise ValueError("usage: python gpu_worker [--reply-fd N] < requests.jsonl")
    os.set_inheritable(descriptor, False)
    os.set_blocking(descriptor, True)
    try:
        os.dup2(2, 1)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return descriptor


def main():
    # Errors of a module are wanted when it is loaded, not in the middle of a capture.
    os.environ["CUDA_MODULE_LOADING"] = "EAGER"
    try:
        descriptor = private_descriptor(sys.argv[1:])
        if sys.stdin is None:
            raise ValueError("standard input is closed")
    except (ValueError, OSError, OverflowError) as error:
        print(error, file=sys.stderr)
        return 2
    try:
        Server(descriptor).serve(sys.stdin.buffer)
    except KeyboardInterrupt:
        os._exit(130)
    return 0
