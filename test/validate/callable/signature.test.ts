import { describe, expect, test } from "vitest";
import { parseCallSignature } from "../../../tools/validate/callable/signature.ts";

describe("a signature", () => {
  test("names the function and the words that it is given", () => {
    const signature = parseCallSignature("fn(x, (hidden_size,), weight, eps);");
    expect(signature).toMatchObject({
      expression: "fn(x, (hidden_size,), weight, eps)",
      name: "fn",
      results: undefined,
      operator: "rmsnorm",
    });
    expect([...signature.used]).toEqual(["x", "hidden_size", "weight", "eps"]);
  });

  test("may say what comes back", () => {
    const signature = parseCallSignature("out, residual = fn(x, residual, weight, eps=eps)");
    expect(signature.results).toEqual(["out", "residual"]);
    expect(signature.operator).toBe("add_rmsnorm");
  });

  test("may hold strings, numbers, None and dtypes of torch, which are no words", () => {
    const text = 'apply(x, weight, eps, 0.0, "llama", False, None, 1e-6, dtype=torch.float32)';
    expect([...parseCallSignature(text).used]).toEqual([
      "x",
      "weight",
      "eps",
      "False",
      "None",
      "torch",
    ]);
  });

  test.each([
    ["fn(y, weight, eps)", 'nobody knows what "y" is'],
    ["fn(weight, eps)", "it passes no x"],
    ["x", "it is not one call of one function"],
    ["fn(x); import os", "it is not one call of one function"],
    ["fn(__import__('os'), x)", 'nobody knows what "__import__" is'],
    ["y = fn(x, weight, eps)", '"y" is none of what may come back'],
  ])("%s is refused", (text, why) => {
    expect(() => parseCallSignature(text)).toThrow(why);
  });
});
