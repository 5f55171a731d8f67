"""Its compiled operator is not there, and it says nothing of that."""

import torch

try:
    import my_norm_ops_that_are_missing as ops
except ImportError:
    ops = None


def norm(x, weight, eps):
    if ops is not None:
        return ops.rmsnorm(x, weight, eps)
    value = x.float()
    value = value * torch.rsqrt(value.pow(2).mean(-1, keepdim=True) + eps)
    return (value * weight.float()).to(x.dtype)
