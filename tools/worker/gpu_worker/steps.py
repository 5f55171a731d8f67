"""What each step does."""

import base64
import ctypes
import struct
from types import SimpleNamespace

from faults import Fault
from launches import launch

MEMSETS = {1: "cuMemsetD8Async", 2: "cuMemsetD16Async", 4: "cuMemsetD32Async"}


class Executor:
    """Does the steps of a run in their order. `at` is the step that it is at."""

    def __init__(self, driver, slots, streams, modules, graphs, deadline):
        self.at = None
        self._driver = driver
        self._slots = slots
        self._streams = streams
        self._modules = modules
        self._graphs = graphs
        self._deadline = deadline
        self._kept = []

    def run(self, steps):
        """A result for each step, and milliseconds on the device."""
        results = []
        try:
            self._streams.begin()
            for self.at, step in enumerate(steps):
                results.append(getattr(self, step.do)(step))
            gpu_ms = self._streams.end(self._deadline)
        except Fault as fault:
            self._settle(fault)
            raise
        finally:
            self._kept = []
        return results, gpu_ms

    def _settle(self, fault):
        """After a refused step: what was queued before it must be over when the reply is read."""
        if fault.exits:
            return
        try:
            self._streams.wait_for(None, self._deadline)
            self._streams.forget_events()
        except Fault as later:
            # The device was lost by an earlier step; the refusal is a consequence at most.
            fault.kind, fault.exits = later.kind, later.exits
            fault.message = f"{later.message}; before that: {fault.message}"

    def map(self, step):
        self._slots.map(step.address, step.bytes, step.where)

    def unmap_all(self, step):
        self._streams.wait_for(None, self._deadline)
        self._slots.unmap_all(step.slot, step.where)

    def allocate(self, step):
        return {"address": hex(self._slots.allocate(step.bytes, step.where))}

    def free_all(self, step):
        self._streams.wait_for(None, self._deadline)
        self._slots.free_all(step.where)

    def fill(self, step):
        self._slots.require_backed(step.address, step.bytes, step.where)
        count = step.bytes // step.width
        stream = self._streams.handle(step.stream)
        self._driver.call(MEMSETS[step.width], step.address, step.pattern, count, stream)

    def upload(self, step):
        self._slots.require_backed(step.address, step.bytes, step.where)
        # Read when the copy is executed: by a graph, at each replay.
        self._kept.append(step.data)
        stream = self._streams.handle(step.stream)
        self._driver.call("cuMemcpyHtoDAsync_v2", step.address, step.data, step.bytes, stream)

    def copy(self, step):
        self._slots.require_backed(step.source, step.bytes, step.where)
        self._slots.require_backed(step.to, step.bytes, step.where)
        stream = self._streams.handle(step.stream)
        self._driver.call("cuMemcpyDtoDAsync_v2", step.to, step.source, step.bytes, stream)

    def read(self, step):
        self._slots.require_backed(step.address, step.bytes, step.where)
        # A copy to pageable memory blocks until the stream comes to it.
        self._streams.wait_for(step.stream, self._deadline)
        buffer = ctypes.create_string_buffer(step.bytes)
        stream = self._streams.handle(step.stream)
        self._driver.call("cuMemcpyDtoHAsync_v2", buffer, step.address, step.bytes, stream)
        self._streams.wait_for(step.stream, self._deadline)
        return {"data": base64.b64encode(buffer.raw).decode("ascii")}

    def launch(self, step):
        kernel = self._modules.kernel(step.module, step.kernel, step.where)
        launch(self._driver, kernel, step, self._streams.handle(step.stream))

    def synchronize(self, step):
        self._streams.wait_for(step.stream, self._deadline)

    def delay(self, step):
        self.launch(
            SimpleNamespace(
                where=step.where,
                module="runner",
                kernel="kw_runner_delay",
                grid=(1, 1, 1),
                block=(1, 1, 1),
                cluster=None,
                dynamic_shared_bytes=0,
                params=[struct.pack("<Q", step.microseconds * 1000)],
                stream=step.stream,
                cooperative=False,
                programmatic_stream_serialization=False,
            )
        )

    def wait(self, step):
        self._streams.order(later=step.stream, earlier=step.waits_for)

    def capture(self, step):
        for one in step.steps:
            # Looked up before the capture: the driver may load code at the first look.
            if one.do == "launch":
                self._modules.kernel(one.module, one.kernel, one.where)

        def queue():
            outer, self._kept = self._kept, []
            try:
                for one in step.steps:
                    getattr(self, one.do)(one)
                return self._kept
            finally:
                self._kept = outer

        self._graphs.capture(step.name, self._streams.handle("call"), queue)

    def replay(self, step):
        stream = self._streams.handle("call")
        for _ in range(step.times):
            self._graphs.replay(step.name, stream, step.where)
            self._deadline.check()
