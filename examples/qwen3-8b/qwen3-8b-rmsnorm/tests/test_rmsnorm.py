"""Against float64, in units in the last place of the result. Needs a GPU and the built package."""

import pytest

torch = pytest.importorskip("torch")
kernel = pytest.importorskip("qwen3_8b_rmsnorm")
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")

EPS = 1e-6
# One rounding costs 0.5 ulp; Llama's order rounds twice; float32 has the sum's own rounding.
MAX_ULP = {"single": 0.51, "llama": 1.51}
MAX_ULP_FLOAT32 = 8


def reference(x, weight, weight_offset):
    wide = x.double()
    rstd = torch.rsqrt(wide.square().mean(-1, keepdim=True) + EPS)
    return wide * rstd * (1 if weight is None else weight.double() + weight_offset)


def ulps(got, expected):
    info = torch.finfo(got.dtype)
    magnitude = expected.abs().clamp_min(info.tiny)
    return (got.double() - expected).abs() / (
        torch.exp2(torch.floor(torch.log2(magnitude))) * info.eps
    )


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
@pytest.mark.parametrize("hidden_size", [1, 64, 127, 128, 1536, 4096, 4097, 65536])
@pytest.mark.parametrize("rounding", ["llama", "single"])
@pytest.mark.parametrize("weight_offset", [0.0, 1.0])
def test_it_matches_float64(dtype, hidden_size, rounding, weight_offset):
    torch.manual_seed(0)
    # Small values: a kernel that drops eps shows only there.
    x = torch.randn(31, hidden_size, device="cuda", dtype=dtype) * 1e-2
    weight = torch.randn(hidden_size, device="cuda", dtype=dtype)
    try:
        got = kernel.rmsnorm(x, weight, EPS, weight_offset=weight_offset, rounding=rounding)
    except RuntimeError as error:
        if "does not support" in str(error):
            pytest.skip(str(error))
        raise
    limit = MAX_ULP_FLOAT32 if dtype == torch.float32 else MAX_ULP[rounding]
    assert got.dtype == dtype
    assert ulps(got, reference(x, weight, weight_offset)).max().item() <= limit


def test_a_view_of_a_fused_qkv_needs_no_copy():
    qkv = torch.randn(4, 33, 3 * 8 * 64, device="cuda", dtype=torch.bfloat16)
    q = qkv[..., : 8 * 64].unflatten(-1, (8, 64))
    got = kernel.rmsnorm(q, None, EPS)
    assert torch.equal(got, kernel.rmsnorm(q.contiguous(), None, EPS))


def test_empty_input_gives_empty_output():
    x = torch.empty(0, 4096, device="cuda", dtype=torch.bfloat16)
    assert kernel.rmsnorm(x, None, EPS).shape == x.shape
