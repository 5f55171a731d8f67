"""Time limits. The loop that waits for the device asks `check`; a thread stands behind it, since a
call into the driver may itself not return while a kernel hangs."""

import threading
import time

from faults import Fault

GRACE_S = 0.25
# How often it is asked whether anybody still waits for the reply.
LISTENER_S = 0.05


class Deadline:
    """One for the process. `expired` is called from the thread and ends the process if still `overdue`."""

    def __init__(self, expired, listened_to):
        self._expired = expired
        self._listened_to = listened_to
        self._until = None
        self._limit_ms = 0
        self._next_listen = 0.0
        self._changed = threading.Condition()
        threading.Thread(target=self._watch, daemon=True).start()

    def start(self, limit_ms):
        with self._changed:
            self._limit_ms = limit_ms
            self._until = time.monotonic() + limit_ms / 1e3
            self._changed.notify()

    def stop(self):
        with self._changed:
            self._until = None

    def overdue(self):
        """Past the limit and the grace that the loop has to see it itself."""
        return self._until is not None and time.monotonic() > self._until + GRACE_S

    def check(self):
        now = time.monotonic()
        if now > self._until:
            raise self.fault()
        if now > self._next_listen:
            self._next_listen = now + LISTENER_S
            self._listened_to()

    def fault(self):
        return Fault("timed_out", f"not done within {self._limit_ms} ms", exits=True)

    def _watch(self):
        while True:
            with self._changed:
                until = self._until
                left = None if until is None else until + GRACE_S - time.monotonic()
                if left is None or left > 0:
                    self._changed.wait(left)
                    continue
            self._expired(self.fault())
