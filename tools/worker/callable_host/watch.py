"""What Python code does beside computing: an audit hook, which no Python code can take away again.

Watches opening files for writing, removing and renaming them, sockets, signals, new processes, and
looking for other code's objects. What is only read, and what native code does, is not seen here.
"""

import os
import sys
import sysconfig
import threading

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_APPEND | os.O_TRUNC | os.O_CREAT
_CHANGING = (
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.truncate",
    "os.chmod",
    "os.link",
    "os.symlink",
)
_OF_CANDIDATES = {
    "look": ("gc.get_objects", "gc.get_referrers", "gc.get_referents", "sys._current_frames"),
    "trace": ("sys.settrace", "sys.setprofile"),
    "process": (
        "os.fork",
        "os.forkpty",
        "os.posix_spawn",
        "os.exec",
        "os.system",
        "subprocess.Popen",
    ),
}
# Of the candidate, and as many of its libraries: neither hides the other.
_MOST_EVENTS = 16
# Only what goes around `threading`, whose own threads are seen while they live.
_THREADS = ("_thread.start_new_thread", "_thread.start_joinable_thread")
_start_of_thread = threading.Thread.start.__code__


class Watch:
    """Events of the candidate, in the order in which they came, each once."""

    def __init__(self, folder):
        self._folder = os.path.realpath(folder)
        places = {*sysconfig.get_paths().values(), os.path.dirname(os.__file__)}
        self._library = tuple({*places, *(os.path.realpath(path) for path in places)})
        self._own = os.path.dirname(os.path.abspath(__file__))
        self._seen = []
        # Of each thread: one that keeps the hook busy must not blind it for the others.
        self._local = threading.local()
        self.on = False
        sys.addaudithook(self._hook)

    def events(self):
        """[{"kind", "what", "by_candidate"}] since the last call."""
        seen, self._seen = self._seen, []
        return seen

    def _hook(self, event, arguments):
        if not self.on or getattr(self._local, "busy", False):
            return
        self._local.busy = True
        try:
            found = self._judge(event, arguments)
            if found:
                self._keep(found)
        finally:
            self._local.busy = False

    def _keep(self, found):
        seen = self._seen
        same = [each for each in seen if each["by_candidate"] == found["by_candidate"]]
        if found not in same and len(same) < _MOST_EVENTS:
            seen.append(found)

    def _judge(self, event, arguments):
        if event == "open":
            path, mode, flags = arguments
            writes = any(c in mode for c in "wax+") if mode else flags & _WRITING
            return self._path_event("write", path) if writes else None
        if event in _CHANGING:
            return self._path_event("write", arguments[0])
        if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
            where = arguments[1] if event != "socket.getaddrinfo" else arguments[0]
            local = isinstance(where, (str, bytes)) and event != "socket.getaddrinfo"
            return None if local else self._event("network", f"{event} {where}")
        if event in ("os.kill", "os.killpg", "signal.pthread_kill"):
            own = event != "os.killpg" and arguments[0] in (0, os.getpid())
            return None if own else self._event("signal", f"{event} {arguments}")
        if event in _THREADS and not self._by_threading():
            found = self._event("thread", event)
            return found if found["by_candidate"] else None
        kind = next((kind for kind, names in _OF_CANDIDATES.items() if event in names), None)
        found = kind and self._event(kind, event)
        # Compilers are started and objects looked for by torch and Triton all the time.
        return found if found and found["by_candidate"] else None

    def _path_event(self, kind, path):
        if not isinstance(path, (str, bytes, os.PathLike)):
            return None
        real = os.path.realpath(os.fsdecode(path))
        harmless = (real + os.sep).startswith((self._folder + os.sep, "/dev/", "/proc/self/"))
        return None if harmless else self._event(kind, real)

    def _event(self, kind, what):
        return {"kind": kind, "what": str(what)[:300], "by_candidate": self._by_candidate()}

    def _by_threading(self):
        frame = sys._getframe(1)
        while frame is not None and frame.f_code.co_filename == __file__:
            frame = frame.f_back
        return frame is not None and frame.f_code is _start_of_thread

    def _by_candidate(self):
        """Whether the nearest code that is not Python's own belongs to no installed package."""
        frame = sys._getframe(1)
        while frame is not None:
            file = frame.f_code.co_filename
            if file == __file__:
                frame = frame.f_back
                continue
            if file.startswith(self._own) or "-packages" + os.sep in file:
                return False
            # Code without a file was made by the code that calls it.
            if not file.startswith(("<", *self._library)):
                return True
            frame = frame.f_back
        return False
