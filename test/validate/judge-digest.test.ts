import { expect, test } from "vitest";
import { judgeDigest } from "../../tools/validate/judge-digest.ts";

test("the judging code has one name for as long as the process lives", () => {
  expect(judgeDigest()).toMatch(/^[0-9a-f]{20}$/u);
  expect(judgeDigest()).toBe(judgeDigest());
});
