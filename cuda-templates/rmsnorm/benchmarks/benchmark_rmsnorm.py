"""GPU time per call over buffers larger than L2, beside torch's own and a copy.

A quick look. For a verdict, with noise and every baseline, call Kernelwright's benchmark_kernel.
"""

import statistics

import rmsnorm_kernel
import torch

SHAPES = [  # rows, hidden_size
    (1, 4096),
    (128, 4096),
    (1024, 4096),
    (8192, 4096),
]
BUFFER_BYTES = 512 * 2**20  # several times the largest L2
CALLS = 50
SAMPLES = 15


def gpu_time_us(call, inputs):
    """Median over replays of a graph of CALLS calls that rotate over the inputs."""
    for x in inputs[:3]:
        call(x)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for index in range(CALLS):
            call(inputs[index % len(inputs)])
    times = []
    for _ in range(SAMPLES):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        graph.replay()
        end.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(end) * 1000 / CALLS)
    return statistics.median(times)


def main():
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, bfloat16, us per call")
    print(f"{'shape':>12} {'kernel':>9} {'F.rms_norm':>11} {'copy':>9}")
    for rows, hidden_size in SHAPES:
        weight = torch.ones(hidden_size, device="cuda", dtype=torch.bfloat16)
        count = max(2, min(CALLS, BUFFER_BYTES // (rows * hidden_size * 2)))
        inputs = [
            torch.randn(rows, hidden_size, device="cuda", dtype=torch.bfloat16)
            for _ in range(count)
        ]
        ours = gpu_time_us(lambda x, w=weight: rmsnorm_kernel.rmsnorm(x, w, 1e-6), inputs)
        theirs = gpu_time_us(
            lambda x, w=weight: torch.nn.functional.rms_norm(x, w.shape, w, 1e-6), inputs
        )
        copy = gpu_time_us(torch.clone, inputs)
        print(f"{f'{rows}x{hidden_size}':>12} {ours:9.2f} {theirs:11.2f} {copy:9.2f}")


if __name__ == "__main__":
    main()
