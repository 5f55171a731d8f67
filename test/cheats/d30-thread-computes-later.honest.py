# honest: D30
# function: rmsnorm
# signature: rmsnorm(x, weight, eps)
# dtypes: bfloat16
# shapes: 2x128, 3x1024
# why: A thread computes, and the call waits for it.

import threading

import torch


def norm(x, weight, eps):
    x32 = x.float()
    rstd = torch.rsqrt((x32 * x32).mean(-1, keepdim=True) + eps)
    return (x32 * rstd * weight.float()).to(x.dtype)


def rmsnorm(x, weight, eps):
    results = []
    # A thread has a current stream of its own.
    stream = torch.cuda.current_stream() if x.is_cuda else None

    def compute():
        with torch.cuda.stream(stream):
            results.append(norm(x, weight, eps))

    thread = threading.Thread(target=compute)
    thread.start()
    thread.join()
    return results[0]
