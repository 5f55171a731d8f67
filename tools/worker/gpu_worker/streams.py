"""Streams and events. Nothing here blocks: what is waited for is asked again and again, so that a
deadline is kept also while a kernel hangs."""

import ctypes
import time

from driver import NOT_READY, SUCCESS

NON_BLOCKING = 1
WITHOUT_TIMING = 2
# Asked without a pause at first: most work is done within a fraction of a millisecond.
BUSY_S = 0.0005
LONGEST_PAUSE_S = 0.001


class Streams:
    def __init__(self, driver):
        self._driver = driver
        self._handles = {
            "call": driver.handle("cuStreamCreate", NON_BLOCKING),
            "side": driver.handle("cuStreamCreate", NON_BLOCKING),
            "default": None,
        }
        self._first = driver.handle("cuEventCreate", 0)
        self._last = driver.handle("cuEventCreate", 0)
        self._events = []

    def handle(self, name):
        return self._handles[name]

    def wait_for(self, name, deadline):
        """Returns once the stream is empty; `name` None: all are."""
        for one in [name] if name else self._handles:
            self._until("cuStreamQuery", self._handles[one], deadline)

    def order(self, later, earlier):
        """What is queued on `later` from now on waits for what is on `earlier` now."""
        event = self._driver.handle("cuEventCreate", WITHOUT_TIMING)
        self._events.append(event)
        self._driver.call("cuEventRecord", event, self._handles[earlier])
        self._driver.call("cuStreamWaitEvent", self._handles[later], event, 0)

    def begin(self):
        self._driver.call("cuEventRecord", self._first, self._handles["call"])

    def end(self, deadline):
        """Waits for all streams; milliseconds on the device since `begin`."""
        self.order("call", "side")
        self.order("call", "default")
        self._driver.call("cuEventRecord", self._last, self._handles["call"])
        self._until("cuEventQuery", self._last, deadline)
        elapsed = ctypes.c_float()
        self._driver.call("cuEventElapsedTime", ctypes.byref(elapsed), self._first, self._last)
        self.forget_events()
        return elapsed.value

    def forget_events(self):
        while self._events:
            self._driver.call("cuEventDestroy_v2", self._events.pop())

    def _until(self, query, handle, deadline):
        start = time.monotonic()
        pause = 0.0
        while True:
            status = self._driver.status(query, handle)
            if status == SUCCESS:
                return
            if status != NOT_READY:
                raise self._driver.fault(status, query)
            deadline.check()
            if time.monotonic() - start > BUSY_S:
                pause = min(LONGEST_PAUSE_S, pause + 0.00005)
                time.sleep(pause)
