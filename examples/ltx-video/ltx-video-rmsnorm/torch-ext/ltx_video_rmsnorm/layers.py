"""Stateless layers, as the `kernels` library swaps them into a model's own modules."""

import torch

from . import rmsnorm


class RMSNorm(torch.nn.Module):
    """For transformers' modules in Llama order: weight and variance_epsilon are the module's."""

    has_backward = False
    can_torch_compile = True

    weight: torch.Tensor
    variance_epsilon: float

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        return rmsnorm(hidden_states, self.weight, self.variance_epsilon)
