import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { mostTokens } from "./tokens.ts";

interface Recorded {
  samples: {
    name: string;
    text: string;
    o200k_base: number;
    cl100k_base: number;
    claude: number;
  }[];
}

const recorded = JSON.parse(
  readFileSync("test/fixtures/skill/token-counts.json", "utf8"),
) as Recorded;

test.each(recorded.samples)("the estimate is above every real count: $name", (sample) => {
  const most = Math.max(sample.o200k_base, sample.cl100k_base, sample.claude);
  const estimate = mostTokens(sample.text);
  expect(estimate).toBeGreaterThanOrEqual(most);
  expect(estimate, "and not so far above it that it says nothing").toBeLessThan(1.5 * most);
});

test("the estimate grows with every word", () => {
  expect(mostTokens("")).toBe(0);
  expect(mostTokens("a kernel")).toBe(2);
  expect(mostTokens("a kernel, validated")).toBe(5);
});
