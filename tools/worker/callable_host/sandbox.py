"""What the process may not do, as far as this system can forbid it: write outside of its folder,
open a socket to a network, look into other processes, leave a core file, outlive the judge.

Each restriction holds for all threads that are started later, so it is asked for before torch is
imported. What could not be had is told, not passed over.
"""

import ctypes
import os
import platform
import resource
import sys

_MACHINES = {
    # AUDIT_ARCH_*, then numbers of: socket, ptrace, process_vm_readv, process_vm_writev,
    # io_uring_setup, pidfd_getfd. From the kernel's syscall tables.
    "x86_64": (0xC000003E, (41, 101, 310, 311, 425, 438)),
    "aarch64": (0xC00000B7, (198, 117, 270, 271, 425, 438)),
}
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP = 1, 38, 22
_PR_SET_CHILD_SUBREAPER = 36
_MOST_FILE_BYTES = 4 << 30


def enter(writable):
    """Restricts this process; returns what holds, as sentences, and whether files are held."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _lower(resource.RLIMIT_FSIZE, _MOST_FILE_BYTES)
    if not sys.platform.startswith("linux"):
        no = f"not restricted: {sys.platform} has no Landlock and no seccomp"
        return {"files": no, "files_held": False, "network": no, "processes": no}
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, 9, 0, 0, 0)
    # Orphans stay below this process: the judge ends all that is below it, whatever it calls itself.
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    files, signals = _restrict_files(libc, writable)
    network, memory = _restrict_calls(libc)
    processes = f"{memory}; {signals}"
    held = files.startswith("files can be written in")
    return {"files": files, "files_held": held, "network": network, "processes": processes}


def limit_memory(most_bytes):
    """For the CPU only: CUDA reserves more address space than there is memory."""
    with open("/proc/self/statm", encoding="ascii") as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    _lower(resource.RLIMIT_AS, now + most_bytes)


def _syscall(libc, number, *arguments):
    """Numbers as whole words: a variadic function does not widen them."""
    words = (ctypes.c_long(each) if isinstance(each, int) else each for each in arguments)
    return libc.syscall(ctypes.c_long(number), *words)


def _lower(which, value):
    _, hard = resource.getrlimit(which)
    most = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (most, most))


def _restrict_files(libc, writable):
    """Landlock: files are written below `writable` only; signals reach nobody else (from ABI 6)."""
    abi = _syscall(libc, _LANDLOCK_CREATE, None, 0, 1)
    if abi < 1:
        reason = os.strerror(ctypes.get_errno())
        no = f"writing to files is not restricted: this kernel has no Landlock ({reason})"
        return no, "signals to other processes are not restricted"
    # Write, and all that makes, removes and renames; reading and executing stay free.
    access = 0b1111111110010
    access |= (1 << 13 if abi >= 2 else 0) | (1 << 14 if abi >= 3 else 0)
    scoped = 0b10 if abi >= 6 else 0
    attributes = (ctypes.c_uint64 * 3)(access, 0, scoped)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    rules = _syscall(libc, _LANDLOCK_CREATE, attributes, size, 0)
    if rules < 0:
        no = f"writing to files is not restricted: {os.strerror(ctypes.get_errno())}"
        return no, "signals to other processes are not restricted"
    for folder in writable:
        _allow_below(libc, rules, folder, access)
    refused = _syscall(libc, _LANDLOCK_RESTRICT, rules, 0) != 0
    os.close(rules)
    if refused:
        no = f"writing to files is not restricted: {os.strerror(ctypes.get_errno())}"
        return no, "signals to other processes are not restricted"
    signals = "signals reach only itself" if scoped else "signals to others are not restricted"
    return "files can be written in a temporary folder only (Landlock)", signals


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = [("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32)]


def _allow_below(libc, rules, folder, access):
    if not os.path.exists(folder):
        return
    descriptor = os.open(folder, os.O_PATH | os.O_CLOEXEC)
    beneath = _PathBeneath(access, descriptor)
    _syscall(libc, _LANDLOCK_ADD, rules, 1, ctypes.byref(beneath), 0)
    os.close(descriptor)


class _Instruction(ctypes.Structure):
    _fields_ = [
        ("code", ctypes.c_uint16),
        ("jt", ctypes.c_uint8),
        ("jf", ctypes.c_uint8),
        ("k", ctypes.c_uint32),
    ]


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_uint16), ("filter", ctypes.POINTER(_Instruction))]


def _restrict_calls(libc):
    """seccomp: EPERM for sockets other than local ones, and for reaching into other processes."""
    machine = _MACHINES.get(platform.machine())
    if machine is None:
        no = f"not restricted on {platform.machine()}"
        return f"the network is {no}", f"other processes' memory: {no}"
    filters = _filter(*machine)
    block = (_Instruction * len(filters))(*filters)
    program = _Program(len(filters), block)
    if libc.prctl(_PR_SET_SECCOMP, 2, ctypes.byref(program), 0, 0) != 0:
        no = f"not restricted: seccomp {os.strerror(ctypes.get_errno())}"
        return f"the network is {no}", f"other processes' memory: {no}"
    return "sockets are local only (seccomp)", "other processes' memory is out of reach (seccomp)"


def _filter(audit_arch, calls):
    """Classic BPF over struct seccomp_data: call number at 0, architecture at 4, arguments from 16."""
    load, equal, at_least, give = 0x20, 0x15, 0x35, 0x06
    allow, refuse = 0x7FFF0000, 0x00050001
    socket, *others = calls
    # AF_UNIX, AF_NETLINK (lists of interfaces) may be opened.
    rest = [(equal, 1, True), (equal, 16, True)]
    program = [(load, 4, None), (equal, audit_arch, "next"), (load, 0, None)]
    program.append((at_least, 0x40000000, False))
    program += [(equal, number, False) for number in others]
    program.append((equal, socket, "next_or_allow"))
    program.append((load, 16, None))
    program += rest
    end = len(program)  # Then: refuse, allow.
    block = []
    for index, (code, k, goes) in enumerate(program):
        to_refuse, to_allow = end - index - 1, end - index
        jumps = {
            None: (0, 0),
            "next": (0, to_refuse),
            False: (to_refuse, 0),
            True: (to_allow, 0),
            "next_or_allow": (0, to_allow),
        }[goes]
        block.append(_Instruction(code, jumps[0], jumps[1], k))
    return [*block, _Instruction(give, 0, 0, refuse), _Instruction(give, 0, 0, allow)]
