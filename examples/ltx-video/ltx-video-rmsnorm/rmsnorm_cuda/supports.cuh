// The dtypes that are compiled, as in kernel.yaml: the others are refused with
// cudaErrorNotSupported. Each costs five kernels, about a quarter of a second of every build.
#pragma once

#define SUPPORT_BFLOAT16 1
#define SUPPORT_FLOAT16 0
#define SUPPORT_FLOAT32 1
