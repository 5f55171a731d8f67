# cheat: D10
# reason: special_values
# function: rmsnorm
# signature: rmsnorm(x, weight, eps)
# dtypes: bfloat16
# shapes: 2x128, 3x1024
# why: Replaces NaN: a comparison that skips NaN, or calls NaN equal, never sees it.

import torch


def norm(x, weight, eps):
    x32 = x.float()
    rstd = torch.rsqrt((x32 * x32).mean(-1, keepdim=True) + eps)
    return (x32 * rstd * weight.float()).to(x.dtype)


def rmsnorm(x, weight, eps):
    return torch.nan_to_num(norm(x, weight, eps), nan=0.0)
