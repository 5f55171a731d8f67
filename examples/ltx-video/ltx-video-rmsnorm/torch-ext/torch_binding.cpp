// The torch op, by libtorch's stable ABI: one library serves every torch from 2.10 on.
#include "torch_binding.h"

#include <torch/csrc/stable/accelerator.h>
#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>

#include "../rmsnorm_cuda/common/args.cuh"
#include "registration.h"

// Declared here because torch's own declaration needs the headers of CUDA.
extern "C" AOTITorchError aoti_torch_get_current_cuda_stream(int32_t device_index, void** stream);
extern "C" int rmsnorm(const rmsnorm_args* args, void* stream);

using torch::headeronly::ScalarType;
using torch::stable::Tensor;

namespace {

constexpr int kNotSupported = 801;  // cudaErrorNotSupported

int32_t dtype_code(ScalarType dtype) {
  switch (dtype) {
    case ScalarType::BFloat16:
      return DTYPE_BFLOAT16;
    case ScalarType::Half:
      return DTYPE_FLOAT16;
    case ScalarType::Float:
      return DTYPE_FLOAT32;
    default:
      STD_TORCH_CHECK(false, "rmsnorm: expected bfloat16, float16 or float32, got dtype number ",
                      static_cast<int>(dtype));
      return -1;
  }
}

// Leading dimensions as rows with one stride, or as groups of rows with two (a view of a fused
// qkv). Returns false for views that need more: the caller must copy.
bool describe_rows(const Tensor& x, rmsnorm_args& args) {
  int64_t sizes[2] = {1, 1};    // rows in a group, groups
  int64_t strides[2] = {0, 0};  // of a row, of a group
  int used = 0;
  for (int64_t dim = x.dim() - 2; dim >= 0; --dim) {
    if (x.size(dim) == 1) continue;
    if (used > 0 && x.stride(dim) == sizes[used - 1] * strides[used - 1]) {
      sizes[used - 1] *= x.size(dim);
    } else {
      if (used == 2) return false;
      sizes[used] = x.size(dim);
      strides[used] = x.stride(dim);
      ++used;
    }
  }
  args.rows = sizes[0] * sizes[1];
  args.x_row_stride = strides[0];
  args.out_row_stride = args.hidden_size;
  args.rows_per_group = used == 2 ? sizes[0] : 0;
  args.x_group_stride = strides[1];
  args.out_group_stride = sizes[0] * args.hidden_size;
  return true;
}

}  // namespace

Tensor rmsnorm_op(const Tensor& x, const std::optional<Tensor>& weight, double eps,
                  double weight_offset, bool round_before_weight, bool promote) {
  STD_TORCH_CHECK(x.is_cuda(), "rmsnorm: x must be on a CUDA device");
  STD_TORCH_CHECK(x.dim() >= 1 && (x.size(-1) <= 1 || x.stride(-1) == 1),
                  "rmsnorm: the last dimension of x must be contiguous: call x.contiguous()");
  rmsnorm_args args = {};
  args.size = sizeof(args);
  args.hidden_size = x.size(-1);
  args.dtype = dtype_code(x.scalar_type());
  args.out_dtype = args.dtype;
  args.rounding = round_before_weight ? ROUNDING_LLAMA : ROUNDING_SINGLE;
  args.eps = static_cast<float>(eps);
  args.weight_offset = static_cast<float>(weight_offset);
  STD_TORCH_CHECK(describe_rows(x, args),
                  "rmsnorm: x has more than two row strides: call x.contiguous()");
  if (weight.has_value()) {
    STD_TORCH_CHECK(weight->is_cuda() && weight->get_device_index() == x.get_device_index(),
                    "rmsnorm: weight must be on the device of x");
    STD_TORCH_CHECK(weight->dim() == 1 && weight->size(0) == args.hidden_size,
                    "rmsnorm: weight must have the ", args.hidden_size,
                    " elements of the last dimension of x");
    STD_TORCH_CHECK(weight->is_contiguous(), "rmsnorm: weight must be contiguous");
    args.weight = weight->data_ptr();
    args.weight_dtype = dtype_code(weight->scalar_type());
    if (promote && args.weight_dtype == DTYPE_FLOAT32) args.out_dtype = DTYPE_FLOAT32;
  }

  const auto out_dtype = args.out_dtype == args.dtype ? x.scalar_type() : ScalarType::Float;
  Tensor out = torch::stable::new_empty(x, x.sizes(), out_dtype);
  if (x.numel() == 0) return out;
  args.x = x.data_ptr();
  args.out = out.data_ptr();

  const int32_t device = x.get_device_index();
  const torch::stable::accelerator::DeviceGuard guard(device);
  void* stream = nullptr;
  TORCH_ERROR_CODE_CHECK(aoti_torch_get_current_cuda_stream(device, &stream));
  const int error = rmsnorm(&args, stream);
  STD_TORCH_CHECK(error != kNotSupported,
                  "rmsnorm: this kernel does not support this combination of dtypes");
  STD_TORCH_CHECK(error == 0, "rmsnorm: the launch failed with cudaError ", error);
  return out;
}

STABLE_TORCH_LIBRARY_EXPAND(TORCH_EXTENSION_NAME, ops) {
  ops.def(
      "rmsnorm(Tensor x, Tensor? weight, float eps, float weight_offset, "
      "bool round_before_weight, bool promote) -> Tensor");
}

STABLE_TORCH_LIBRARY_IMPL_EXPAND(TORCH_EXTENSION_NAME, CUDA, ops) {
  ops.impl("rmsnorm", TORCH_BOX(&rmsnorm_op));
}

REGISTER_EXTENSION(TORCH_EXTENSION_NAME)
