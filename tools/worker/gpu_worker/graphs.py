"""Captured graphs by name."""

import ctypes

from faults import BadRequest

STRICT = 0  # CU_STREAM_CAPTURE_MODE_GLOBAL
MOST_GRAPHS = 64


class Graphs:
    def __init__(self, driver):
        self._driver = driver
        self._graphs = {}  # name: (executable graph, what it reads of our memory)

    def capture(self, name, stream, queue):
        """`queue` puts work on the stream and returns what must outlive the graph."""
        if name not in self._graphs and len(self._graphs) >= MOST_GRAPHS:
            raise BadRequest(f"more than {MOST_GRAPHS} graphs")
        self._driver.call("cuStreamBeginCapture_v2", stream, STRICT)
        graph = ctypes.c_void_p()
        try:
            kept = queue()
        except BaseException:
            # The capture is void, whatever the driver says of its end.
            self._driver.status("cuStreamEndCapture", stream, ctypes.byref(graph))
            if graph:
                self._driver.status("cuGraphDestroy", graph)
            raise
        self._driver.call("cuStreamEndCapture", stream, ctypes.byref(graph))
        try:
            executable = self._driver.handle("cuGraphInstantiateWithFlags", graph, 0)
        finally:
            self._driver.call("cuGraphDestroy", graph)
        self._drop(name)
        self._graphs[name] = (executable, kept)

    def replay(self, name, stream, where):
        if name not in self._graphs:
            raise BadRequest(f'{where}: no graph "{name}" was captured, or a load dropped it')
        self._driver.call("cuGraphLaunch", self._graphs[name][0], stream)

    def drop_all(self):
        for name in list(self._graphs):
            self._drop(name)

    def _drop(self, name):
        executable, _ = self._graphs.pop(name, (None, None))
        if executable is not None:
            self._driver.call("cuGraphExecDestroy", executable)
