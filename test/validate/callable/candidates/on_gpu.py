"""Triton kernels and CUDA habits, right and wrong: they need a GPU."""

import torch
import triton
import triton.language as tl


@triton.jit
def rmsnorm_kernel(out, x, weight, row_stride, columns, eps, block: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    offsets = tl.arange(0, block)
    mask = offsets < columns
    value = tl.load(x + row * row_stride + offsets, mask=mask, other=0.0).to(tl.float32)
    rstd = tl.rsqrt(tl.sum(value * value) / columns + eps)
    scale = tl.load(weight + offsets, mask=mask, other=0.0).to(tl.float32)
    tl.store(out + row * columns + offsets, value * rstd * scale, mask=mask)


def launch(x, weight, eps, block=None):
    rows = x.reshape(-1, x.shape[-1])
    out = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    columns = x.shape[-1]
    block = block or triton.next_power_of_2(columns)
    if rows.shape[0]:
        rmsnorm_kernel[(rows.shape[0],)](out, rows, weight, rows.stride(0), columns, eps, block)
    return out


def honest(x, weight, eps):
    return launch(x, weight, eps)


def first_half_only(x, weight, eps):
    return launch(x, weight, eps, triton.next_power_of_2(x.shape[-1]) // 2)


_stream = []
_by_pointer = {}


def own_stream(x, weight, eps):
    """Nothing orders its stream and the caller's."""
    _stream[:] = _stream or [torch.cuda.Stream()]
    with torch.cuda.stream(_stream[0]):
        return launch(x, weight, eps)


def own_stream_in_order(x, weight, eps):
    _stream[:] = _stream or [torch.cuda.Stream()]
    _stream[0].wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(_stream[0]):
        out = launch(x, weight, eps)
    torch.cuda.current_stream().wait_stream(_stream[0])
    out.record_stream(torch.cuda.current_stream())
    return out


def remembers_by_pointer(x, weight, eps):
    key = (x.data_ptr(), x.shape, x.dtype)
    if key not in _by_pointer:
        _by_pointer[key] = launch(x, weight, eps)
    return _by_pointer[key].clone()


def falls_back(x, weight, eps):
    try:
        return launch(x.cpu(), weight, eps)
    except (ValueError, RuntimeError):
        return torch.nn.functional.rms_norm(x, (x.shape[-1],), weight, eps)


def far_outside(x, weight, eps):
    out = torch.empty_like(x)
    rows = x.shape[0]
    rmsnorm_kernel[(rows,)](out, x, weight, 1 << 40, x.shape[-1], eps, 128)
    return out


def on_the_cpu(x, weight, eps):
    return torch.nn.functional.rms_norm(x.cpu(), (x.shape[-1],), weight.cpu(), eps)


def replayed_graph(x, weight, eps):
    """Captured with the first inputs' addresses, replayed with whatever lies there."""
    key = (x.shape, x.dtype)
    if key not in _by_pointer:
        launch(x, weight, eps)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            out = launch(x, weight, eps)
        _by_pointer[key] = (graph, out, x, weight)
    graph, out, _, _ = _by_pointer[key]
    graph.replay()
    return out.clone()
