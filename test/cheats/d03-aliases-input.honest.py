# honest: D03
# function: rmsnorm
# signature: rmsnorm(x, weight, eps)
# dtypes: bfloat16
# shapes: 2x128, 3x1024
# why: Makes views of its inputs, and returns none of them.

import torch


def norm(x, weight, eps):
    x32 = x.float()
    rstd = torch.rsqrt((x32 * x32).mean(-1, keepdim=True) + eps)
    return (x32 * rstd * weight.float()).to(x.dtype)


def rmsnorm(x, weight, eps):
    return norm(x.view_as(x), weight.view_as(weight), eps)
