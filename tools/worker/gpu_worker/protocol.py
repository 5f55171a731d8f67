"""Requests and steps as they come over the line, checked before anything is done.

tools/worker/protocol.ts says what each means; both sides refuse what is not written there.
"""

from types import SimpleNamespace

from faults import BadRequest
from fields import Fields, parse_object

MOST_LINE_BYTES = 128 << 20
MOST_STEPS = 100_000
MOST_READ_BYTES = 64 << 20
MOST_PARAMETER_BYTES = 32_764
MOST_TIME_MS = 600_000
DEFAULT_LOAD_MS = 60_000
# User space of x86-64; no GPU has fewer address bits.
MOST_ADDRESS = 1 << 47
GRANULE = 2 << 20

STREAMS = ("call", "default", "side")
U32 = 2**32 - 1
SAFE = 2**53 - 1


def request_id(value):
    """The id to answer with, as far as the line has one."""
    found = value.get("id") if isinstance(value, dict) else None
    right = isinstance(found, int) and not isinstance(found, bool) and 0 <= found <= SAFE
    return found if right else None


def read_request(value):
    fields = Fields(value, "request")
    fields.integer("id", 0, SAFE)
    request = REQUESTS[fields.one_of("op", tuple(REQUESTS))](fields)
    fields.finish()
    request.op = value["op"]
    return request


def hello(fields):
    request = SimpleNamespace(
        device_index=fields.integer("device_index", 0, 1023),
        base=fields.u64("base"),
        slots=fields.integer("slots", 1, 64),
        slot_bytes=fields.u64("slot_bytes"),
        plain_allocations=fields.flag("plain_allocations"),
    )
    if request.base % GRANULE or request.slot_bytes % GRANULE or request.slot_bytes < 2 * GRANULE:
        raise BadRequest(f"request: base and slot_bytes must be multiples of {GRANULE}")
    if request.base + request.slots * request.slot_bytes + GRANULE > MOST_ADDRESS:
        raise BadRequest("request: the slots end beyond 2^47")
    return request


def load(fields):
    if fields.has("image_path") == fields.has("image_base64"):
        raise BadRequest("request: give image_path or image_base64")
    by_path = fields.has("image_path")
    return SimpleNamespace(
        module=module_name(fields),
        image_path=fields.text("image_path", 4096) if by_path else None,
        image=None if by_path else fields.data("image_base64"),
        time_limit_ms=fields.integer("time_limit_ms", 1, MOST_TIME_MS, DEFAULT_LOAD_MS),
    )


def unload(fields):
    return SimpleNamespace(module=module_name(fields))


def module_name(fields):
    name = fields.text("module", 64)
    if name == "runner":
        raise BadRequest('request: the module "runner" is the runner\'s own')
    return name


def bye(_fields):
    return SimpleNamespace()


def run(fields):
    time_limit_ms = fields.integer("time_limit_ms", 1, MOST_TIME_MS)
    steps = read_steps(fields.array("steps", MOST_STEPS), STEPS, "step")
    if sum(step.bytes for step in steps if step.do == "read") > MOST_READ_BYTES:
        raise BadRequest(f"request: more than {MOST_READ_BYTES} bytes to read in one run")
    return SimpleNamespace(time_limit_ms=time_limit_ms, steps=steps)


REQUESTS = {"hello": hello, "load": load, "run": run, "unload": unload, "bye": bye}


def read_steps(values, forms, where):
    return [read_step(value, forms, f"{where} {at}") for at, value in enumerate(values)]


def read_step(value, forms, where):
    fields = Fields(value, where)
    do = fields.one_of("do", tuple(forms))
    step = SimpleNamespace(do=do, where=where)
    forms[do](fields, step)
    fields.finish()
    return step


def map_form(fields, step):
    read_range(fields, step)


def unmap_all_form(fields, step):
    step.slot = fields.integer("slot", 0, 63)


def allocate_form(fields, step):
    fields.text("label", 64)
    step.bytes = fields.integer("bytes", 1, SAFE)


def free_all_form(_fields, _step):
    pass


def fill_form(fields, step):
    read_range(fields, step)
    read_stream(fields, step)
    digits = fields.text("pattern", 8)
    if len(digits) not in (2, 4, 8) or any(one not in "0123456789abcdefABCDEF" for one in digits):
        raise BadRequest(f"{step.where}: pattern is not 2, 4 or 8 hex digits")
    step.pattern, step.width = int(digits, 16), len(digits) // 2
    if step.address % step.width or step.bytes % step.width:
        raise BadRequest(f"{step.where}: address and bytes must be multiples of {step.width}")


def upload_form(fields, step):
    step.address = fields.u64("address")
    step.data = fields.data("data")
    step.bytes = len(step.data)
    if step.bytes == 0:
        raise BadRequest(f"{step.where}: data is empty")
    read_stream(fields, step)


def read_form(fields, step):
    read_range(fields, step)
    read_stream(fields, step)


def copy_form(fields, step):
    step.to = fields.u64("to")
    step.source = fields.u64("from")
    step.bytes = fields.integer("bytes", 1, SAFE)
    read_stream(fields, step)


def launch_form(fields, step):
    step.module = fields.text("module", 4096)
    step.kernel = fields.text("kernel", 4096)
    step.grid = fields.triple("grid", U32)
    step.block = fields.triple("block", U32)
    step.cluster = fields.triple("cluster", U32, optional=True)
    step.dynamic_shared_bytes = fields.integer("dynamic_shared_bytes", 0, 2**31 - 1)
    step.params = fields.data_list("params", 4096)
    if sum(len(value) for value in step.params) > MOST_PARAMETER_BYTES:
        raise BadRequest(f"{step.where}: more than {MOST_PARAMETER_BYTES} bytes of params")
    read_stream(fields, step)
    step.cooperative = fields.flag("cooperative")
    step.programmatic_stream_serialization = fields.flag("programmatic_stream_serialization")


def synchronize_form(fields, step):
    step.stream = fields.one_of("stream", STREAMS) if fields.has("stream") else None


def delay_form(fields, step):
    step.microseconds = fields.integer("microseconds", 0, 10_000_000)
    read_stream(fields, step)


def wait_form(fields, step):
    read_stream(fields, step, required=True)
    step.waits_for = fields.one_of("for", STREAMS)


def capture_form(fields, step):
    step.name = fields.text("name", 64)
    step.steps = read_steps(fields.array("steps", MOST_STEPS), CAPTURABLE, f"{step.where}, step")


def replay_form(fields, step):
    step.name = fields.text("name", 64)
    step.times = fields.integer("times", 1, 1_000_000, 1)


CAPTURABLE = {
    "launch": launch_form,
    "fill": fill_form,
    "copy": copy_form,
    "upload": upload_form,
    "delay": delay_form,
    "wait": wait_form,
}
STEPS = dict(
    CAPTURABLE,
    map=map_form,
    unmap_all=unmap_all_form,
    allocate=allocate_form,
    free_all=free_all_form,
    read=read_form,
    synchronize=synchronize_form,
    capture=capture_form,
    replay=replay_form,
)


def read_range(fields, step):
    step.address = fields.u64("address")
    step.bytes = fields.integer("bytes", 1, SAFE)


def read_stream(fields, step, required=False):
    step.stream = fields.one_of("stream", STREAMS, *(() if required else ("call",)))


def parse_line(line):
    if line is None:
        raise BadRequest(f"a line of more than {MOST_LINE_BYTES} bytes")
    return parse_object(line)
