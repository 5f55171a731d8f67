"""Tensors over flat buffers whose bytes the judge sends and gets back, canaries included."""

import ctypes

import torch

DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}

# Bound here: a candidate may put others in their place.
_empty, _frombuffer, _string_at = torch.empty, torch.frombuffer, ctypes.string_at
_copy = torch.Tensor.copy_
_Tensor, _uint8 = torch.Tensor, torch.uint8
_most_result_bytes = 1 << 31


class Slot:
    """The buffers of one set of arguments. They keep their addresses while the slot lives."""

    def __init__(self, descriptions, device):
        self.device = device
        self.flats = []
        self.tensors = {}
        self.result = None
        for one in descriptions:
            flat = _empty(one["bytes"], dtype=_uint8, device=device)
            # Not a view: what the candidate gets has no base to be read.
            tensor = _empty(0, dtype=DTYPES[one["dtype"]], device=device)
            storage = flat.untyped_storage()
            tensor.set_(storage, one["first_element"], one["shape"], one["stride"])
            self.flats.append(flat)
            self.tensors[one["name"]] = tensor

    def stage(self, data):
        """The new content on the device, beside the buffers."""
        view = memoryview(data)
        staged, start = [], 0
        for flat in self.flats:
            count = flat.numel()
            host = _frombuffer(view[start : start + count], dtype=_uint8) if count else _empty(0)
            staged.append(host.to(self.device) if self.device != "cpu" else host)
            start += count
        return staged

    def fill(self, staged):
        """Through `.data`: no version counter says that there is new content."""
        for flat, content in zip(self.flats, staged):
            if flat.numel():
                _copy(flat.data, content)

    def contents(self):
        return [bytes_of(flat) for flat in self.flats]

    def overlaps(self, tensor):
        """Names of the arguments whose memory the tensor shares."""
        place = tensor.untyped_storage().data_ptr()
        if place == 0:
            return []
        return [
            name
            for name, mine in self.tensors.items()
            if mine.untyped_storage().data_ptr() == place
        ]


def bytes_of(tensor):
    """Its elements in order, as bytes; waits for the current stream only."""
    host = _empty(tensor.shape, dtype=tensor.dtype, device="cpu")
    _copy(host, tensor.detach())
    count = host.numel() * host.element_size()
    return _string_at(host.data_ptr(), count) if count else b""


def describe(value, slot):
    """What came back, as facts; its bytes where it is a tensor of a dtype that the judge reads."""
    exact = type(value) is _Tensor
    facts = {"type": f"{type(value).__module__}.{type(value).__qualname__}", "exact": exact}
    facts["tensor"] = isinstance(value, _Tensor)
    if not exact:
        return facts, b""
    facts["dtype"] = str(value.dtype).replace("torch.", "")
    facts["shape"] = list(value.shape)
    facts["device"] = value.device.type
    strided = value.layout is torch.strided
    facts["shares"] = slot.overlaps(value) if strided else []
    size = value.numel() * value.element_size()
    readable = strided and facts["dtype"] in DTYPES and size <= _most_result_bytes
    return facts, bytes_of(value) if readable else b""


def poison_free_memory(size, device):
    """Memory that the next allocation of this size is likely to get holds a NaN pattern."""
    if size == 0:
        return
    blocks = [_empty(size, dtype=_uint8, device=device) for _ in range(2)]
    for block in blocks:
        block.fill_(0xA5)
