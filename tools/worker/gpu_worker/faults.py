"""What can go wrong, as the reply says it."""


class Fault(Exception):
    """Ends a request. `exits`: the context is lost, and the process ends after the reply."""

    def __init__(self, kind, message, exits=False):
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.exits = exits


class BadRequest(Fault):
    def __init__(self, message):
        super().__init__("bad_request", message)


# CUresult to kind. Those in LOST end every context that they occur in.
KINDS = {
    2: "out_of_memory",
    700: "illegal_address",
    702: "timed_out",
    710: "trap",  # assert
    714: "trap",  # hardware stack error
    715: "trap",  # illegal instruction
    716: "misaligned_address",
    717: "illegal_address",  # an address of the wrong space
    718: "trap",  # invalid program counter
    719: "trap",  # unspecified launch failure: what `trap` gives
}
LOST = {214, 220, 226, 700, 702, 709, 710, 714, 715, 716, 717, 718, 719, 721, 999}


def fault_of_status(status, name, function):
    kind = KINDS.get(status, "launch_failed")
    return Fault(kind, f"{function}: {name} ({status})", exits=status in LOST)
