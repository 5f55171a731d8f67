#pragma once

#include <torch/csrc/stable/tensor.h>

#include <optional>

torch::stable::Tensor rmsnorm_op(const torch::stable::Tensor& x,
                                 const std::optional<torch::stable::Tensor>& weight, double eps,
                                 double weight_offset, bool round_before_weight, bool promote);
