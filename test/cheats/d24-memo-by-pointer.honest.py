# honest: D24
# function: rmsnorm
# signature: rmsnorm(x, weight, eps)
# dtypes: bfloat16
# shapes: 2x128, 3x1024
# why: Keeps a buffer by address and shape, and fills it anew in every call.

import torch

_scratch = {}


def rmsnorm(x, weight, eps):
    key = (x.data_ptr(), tuple(x.shape), x.dtype)
    if key not in _scratch:
        _scratch[key] = torch.empty(x.shape, dtype=torch.float32, device=x.device)
    x32 = _scratch[key].copy_(x)
    rstd = torch.rsqrt((x32 * x32).mean(-1, keepdim=True) + eps)
    return (x32 * rstd * weight.float()).to(x.dtype)
