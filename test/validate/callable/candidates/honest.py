"""Functions that are right, each in a form of its own."""

import torch
import torch.nn.functional as F


def llama(x, weight, eps):
    """transformers' order: rounded before the product."""
    value = x.float()
    value = value * torch.rsqrt(value.pow(2).mean(-1, keepdim=True) + eps)
    return value.to(x.dtype) * weight


def single(x, weight, eps):
    return F.rms_norm(x, (x.shape[-1],), weight, eps)


def gemma(x, weight, eps):
    value = x.float()
    value = value * torch.rsqrt(value.pow(2).mean(-1, keepdim=True) + eps)
    return (value * (1 + weight.float())).to(x.dtype)


def into(out, x, weight, eps):
    out.copy_(single(x, weight, eps))


def in_place(x, weight, eps):
    x.copy_(single(x, weight, eps))


def contiguous_only(x, weight, eps):
    if not x.is_contiguous():
        raise ValueError("x must be contiguous")
    return single(x, weight, eps)


def half_only(x, weight, eps):
    if x.dtype is torch.float32:
        raise TypeError("float32 is not supported")
    return single(x, weight, eps)


def add(x, residual, weight, eps):
    total = x + residual
    return single(total, weight, eps), total


def add_in_place(x, residual, weight, eps):
    residual.add_(x)
    x.copy_(single(residual, weight, eps))


def with_rstd(x, weight, eps):
    rstd = torch.rsqrt(x.float().pow(2).mean(-1) + eps)
    return single(x, weight, eps), rstd
