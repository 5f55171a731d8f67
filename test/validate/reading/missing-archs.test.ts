import { expect, test } from "vitest";
import { readMissingArchs } from "../../../tools/validate/reading/missing-archs.ts";

test("an arch that nothing in the build runs on is certain", () => {
  expect(readMissingArchs(["sm_75", "sm_90"], ["sm_80"])).toMatchObject([
    {
      code: "arch_missing",
      certain: true,
      reason: "arch_missing",
      message: expect.stringMatching(/: sm_75; the build has sm_80$/u),
    },
  ]);
  expect(readMissingArchs(["sm_100"], ["sm_90a"])).toHaveLength(1);
  expect(readMissingArchs(["sm_120"], ["sm_100f"])).toHaveLength(1);
  expect(readMissingArchs(["sm_80"], [])).toHaveLength(1);
});

test("PTX of an older arch runs on a newer GPU", () => {
  expect(readMissingArchs(["sm_75", "sm_86", "sm_120"], ["sm_75"])).toEqual([]);
  expect(readMissingArchs(["sm_90a"], ["sm_90a"])).toEqual([]);
  expect(readMissingArchs(["sm_103"], ["sm_100f"])).toEqual([]);
});
