"""Independent witness of the float64 reference and of the drawn inputs.

Written from the definitions, in exact rational arithmetic (fractions) with roots of 60 digits
(decimal). Prints JSON: `python3 test/kernel/witness.py > test/fixtures/kernel/witness.json`.
"""

import json
import math
import struct
from decimal import Decimal, getcontext
from fractions import Fraction

getcontext().prec = 60

MASK = 0xFFFFFFFF
# significand bits with the hidden one, exponents of the smallest and of the largest normal
FORMATS = {"bfloat16": (8, -126, 127), "float16": (11, -14, 15), "float32": (24, -126, 127)}
# Values are fractions, but for these floats.
NAN, INFINITY, NEGATIVE_ZERO = float("nan"), float("inf"), -0.0

RECIPES = {
    "std_1": ["ordinary"],
    "std_1e-2": ["small"],
    "std_1e-4": ["tiny"],
    "large_mean": ["large_mean"],
    "one_outlier": ["one_outlier"],
    "zeros": ["zero", "ordinary", "negative_zero", "one_nonzero"],
    "subnormal": ["subnormal"],
    "large": ["large", "large", "large", "overflowing"],
    "max_finite": ["max_finite", "ordinary", "max_finite_signs", "one_max_finite"],
    "infinities": [
        "one_infinity",
        "ordinary",
        "one_negative_infinity",
        "ordinary",
        "both_infinities",
    ],
    "nans": ["one_nan", "ordinary"],
    "mixed": [
        "one_nan",
        "ordinary",
        "one_infinity",
        "small",
        "zero",
        "large",
        "tiny",
        "overflowing",
        "max_finite",
        "subnormal",
        "both_infinities",
        "one_outlier",
    ],
}


def mix32(value):
    h = value & MASK
    h ^= h >> 16
    h = h * 0x85EBCA6B & MASK
    h ^= h >> 13
    h = h * 0xC2B2AE35 & MASK
    return h ^ h >> 16


def bell(seed, row, column):
    stream = mix32(seed ^ mix32(row + 0x9E3779B9))
    first = mix32(stream ^ column)
    second = mix32(first + 0x6A09E667)
    halves = [first & 0xFFFF, first >> 16, second & 0xFFFF, second >> 16]
    return Fraction(sum(halves) - 131070, 1 << 15)


def is_special(value):
    return isinstance(value, float) and value != 0


def exact(value):
    """Fractions have one zero only."""
    return Fraction(0) if value == 0 else value


def rounded(value, dtype):
    """To nearest, ties to even; the values here are far from overflow."""
    bits, lowest, _ = FORMATS[dtype]
    if is_special(value) or value == 0:
        return value
    exponent = 0
    while abs(value) >= Fraction(2) ** (exponent + 1):
        exponent += 1
    while abs(value) < Fraction(2) ** exponent:
        exponent -= 1
    ulp = Fraction(2) ** (max(exponent, lowest) - bits + 1)
    result = round(value / ulp) * ulp
    return NEGATIVE_ZERO if result == 0 and value < 0 else result


def max_finite(dtype):
    bits, _, highest = FORMATS[dtype]
    return (2 - Fraction(1, 2 ** (bits - 1))) * Fraction(2) ** highest


def scale_of(kind, dtype):
    half = dtype == "float16"
    exponents = {
        "small": -7,
        "tiny": -14,
        "large_mean": -2,
        "subnormal": -17 if half else -129,
        "large": 13 if half else 50,
        "overflowing": 13 if half else 64,
    }
    return Fraction(2) ** exponents.get(kind, 0)


def draw_row(recipe, seed, row, columns, dtype):
    kinds = RECIPES[recipe]
    kind = kinds[row % len(kinds)]
    drawn = [bell(seed, row, column) for column in range(columns)]
    most = max_finite(dtype)
    constants = {"zero": Fraction(0), "one_nonzero": Fraction(0), "max_finite": most}
    if kind == "negative_zero":
        return [NEGATIVE_ZERO] * columns
    if kind == "max_finite_signs":
        return [-most if value < 0 else most for value in drawn]
    if kind in constants:
        x = [constants[kind]] * columns
    else:
        shift = 10 if kind == "large_mean" else 0
        x = [rounded(value * scale_of(kind, dtype) + shift, dtype) for value in drawn]
    special = mix32(seed + row) % columns
    placed = {
        "one_outlier": Fraction(1024),
        "one_nonzero": Fraction(3),
        "one_nan": NAN,
        "one_infinity": INFINITY,
        "one_negative_infinity": -INFINITY,
        "both_infinities": INFINITY,
        "one_max_finite": most,
    }
    if kind in placed:
        x[special] = placed[kind]
    if kind == "both_infinities":
        x[(special + columns // 2) % columns] = -INFINITY
    return x


def draw_weight(seed, columns, dtype, offset, values):
    weight = []
    for column in range(columns):
        drawn = bell(seed ^ 0x5BD1E995, -1, column)
        if values == "near_zero":
            weight.append(Fraction(0) if column % 17 == 3 else rounded(drawn / 64, dtype))
            continue
        spread = 1 + drawn / 4
        weight.append(rounded((-8 * spread if column % 17 == 3 else spread) - offset, dtype))
    return weight


def square_root(value):
    numerator, denominator = value.numerator, value.denominator
    return Fraction((Decimal(numerator) / Decimal(denominator)).sqrt())


def summed(x, residual, dtype):
    if not residual:
        return x
    pairs = zip(x, residual, strict=True)
    return [a if is_special(a) else rounded(exact(a) + exact(b), dtype) for a, b in pairs]


def expected(case, x, weight, residual):
    dtype = case["dtype"]
    x = [exact(value) for value in summed(x, residual, dtype)]
    count = len(x)
    centred = case["operator"] == "layernorm"
    if any(map(math.isnan, x)) or (centred and any(map(is_special, x))):
        return [NAN] * count, NAN
    if any(map(is_special, x)):
        # An infinite sum of squares: infinity * 0 there, 0 elsewhere.
        return [NAN if is_special(value) else Fraction(0) for value in x], Fraction(0)
    mean = sum(x) / count if centred else Fraction(0)
    variance = sum((value - mean) ** 2 for value in x) / count
    if variance + Fraction(case["eps"]) == 0:
        return [NAN] * count, INFINITY
    rstd = 1 / square_root(variance + Fraction(case["eps"]))
    ordered = []
    for value, factor in zip(x, weight, strict=True):
        normalised = (value - mean) * rstd
        if case["rounding"] == "llama":
            normalised = exact(rounded(normalised, dtype))
        ordered.append(normalised * (exact(factor) + case["weight_offset"]))
    return ordered, rstd


def float32(value):
    return struct.unpack("f", struct.pack("f", value))[0]


EPS = [2.0**-20, float32(1e-5), 0.0, float32(1e-12), float32(1e-8), float32(1e-2)]


def vector(index):
    recipe = index % 12
    dtype = index // 12 % 3
    operator = ["rmsnorm", "add_rmsnorm", "layernorm"][index // 36 % 3]
    turn = index // 108
    case = {
        "operator": operator,
        "dtype": list(FORMATS)[dtype],
        "rounding": "single" if operator == "layernorm" or (index + turn) % 2 else "llama",
        "weight_offset": 1 if index % 5 == 0 else 0,
        "weight_values": "near_zero" if index % 7 < 2 else "spread",
        "eps": EPS[(index // 5 + turn) % 6],
        "inputs": list(RECIPES)[recipe],
        "hidden_size": [1, 3, 7, 16, 33][index % 13 % 5],
        "row": (index // 7 + 3 * turn) % 12,
        "seed": mix32(index),
    }
    shape = (case["row"], case["hidden_size"], case["dtype"])
    x = draw_row(case["inputs"], case["seed"], *shape)
    residual = draw_row("std_1", case["seed"] ^ 77, *shape) if operator == "add_rmsnorm" else None
    drawn = (case["weight_offset"], case["weight_values"])
    weight = draw_weight(case["seed"], case["hidden_size"], case["dtype"], *drawn)
    ordered, rstd = expected(case, x, weight, residual)
    case["rstd"] = number(rstd)
    for name, values in {"x": x, "weight": weight, "ordered": ordered}.items():
        case[name] = [number(value) for value in values]
    return case


def number(value):
    """JSON has neither NaN, nor infinities, nor a reader that keeps the sign of -0."""
    if math.isnan(value):
        return "NaN"
    if is_special(value):
        return "Infinity" if value > 0 else "-Infinity"
    return "-0" if isinstance(value, float) else float(value)


if __name__ == "__main__":
    rows = ",\n".join(json.dumps(vector(index)) for index in range(432))
    print(f"[\n{rows}\n]")
