import { expect, test } from "vitest";
import { requireInside, shownPath } from "../tools/paths.ts";

test("a name that begins with two dots lies inside; .. itself and what follows it do not", () => {
  expect(requireInside("/usr", "..rmsnorm.cu")).toBe("/usr/..rmsnorm.cu");
  expect(shownPath("/usr", "/usr/..rmsnorm.cu")).toBe("..rmsnorm.cu");
  for (const given of ["..", "../x.cu", "a/../../x.cu", "/etc"]) {
    expect(() => requireInside("/usr", given)).toThrow(
      expect.objectContaining({ code: "path_outside_workspace" }),
    );
  }
});
