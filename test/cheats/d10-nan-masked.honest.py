# honest: D10
# function: rmsnorm
# signature: rmsnorm(x, weight, eps)
# dtypes: bfloat16
# shapes: 2x128, 3x1024
# why: Replaces nothing: NaN and infinities are put back where they were.

import torch


def norm(x, weight, eps):
    x32 = x.float()
    rstd = torch.rsqrt((x32 * x32).mean(-1, keepdim=True) + eps)
    return (x32 * rstd * weight.float()).to(x.dtype)


def rmsnorm(x, weight, eps):
    out = norm(x, weight, eps)
    return torch.where(
        torch.isnan(out), out, torch.nan_to_num(out, posinf=float("inf"), neginf=float("-inf"))
    )
