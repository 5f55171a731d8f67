"""RMSNorm as a torch op: forward only, usable under torch.compile."""

import torch

from ._ops import add_op_namespace_prefix, ops

_ROUNDINGS = ("llama", "single")


def rmsnorm(
    x: torch.Tensor,
    weight: torch.Tensor | None = None,
    eps: float = 1e-6,
    *,
    weight_offset: float = 0.0,
    rounding: str = "llama",
    promote: bool = True,
) -> torch.Tensor:
    """x / sqrt(mean(x^2) + eps) * (weight + weight_offset), over the last dimension.

    rounding: "llama" rounds the normalised value to x's dtype before the product with weight, as
    transformers does; "single" rounds once at the end, as torch.nn.RMSNorm and Gemma do.
    promote: whether a float32 weight makes the result float32.
    There is no backward: under autograd the result has no gradient to give.
    """
    if rounding not in _ROUNDINGS:
        raise ValueError(f'rounding must be "llama" or "single", not {rounding!r}')
    return ops.rmsnorm(x, weight, eps, weight_offset, rounding == "llama", promote)


@torch.library.register_fake(add_op_namespace_prefix("rmsnorm"))
def _rmsnorm_fake(x, weight, eps, weight_offset, round_before_weight, promote):
    promoted = promote and weight is not None and weight.dtype == torch.float32
    return x.new_empty(x.shape, dtype=torch.float32 if promoted else x.dtype)


from . import layers

__all__ = ["layers", "rmsnorm"]
