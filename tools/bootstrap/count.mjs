// Counts what a test runner reported: `node count.mjs vitest|pytest report` prints "<passed> <failed> <skipped>".
import { existsSync, readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

/** From vitest's JSON report. A file that could not even be loaded counts as one failure. */
export function countVitest(report) {
  const broken = report.testResults.filter(
    (file) =>
      file.status === "failed" && file.assertionResults.every((test) => test.status !== "failed"),
  );
  return [
    report.numPassedTests,
    report.numFailedTests + broken.length,
    report.numPendingTests + report.numTodoTests,
  ];
}

/** From pytest's last line, for example "2 failed, 31 passed, 1 skipped in 0.40s". */
export function countPytest(text) {
  const last = text.trim().split("\n").at(-1) ?? "";
  const count = (...words) =>
    words.reduce(
      (sum, word) => sum + Number(new RegExp(`(\\d+) ${word}`, "u").exec(last)?.[1] ?? 0),
      0,
    );
  const counts = [
    count("passed", "xfailed"),
    count("failed", "errors?", "xpassed"),
    count("skipped"),
  ];
  // Nothing counted: it did not get as far as running one.
  return counts.some((number) => number > 0) ? counts : [0, 1, 0];
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [, , runner, file] = process.argv;
  // No report: the runner itself broke.
  const text = existsSync(file) ? readFileSync(file, "utf8") : "";
  const counts = !text
    ? [0, 1, 0]
    : runner === "vitest"
      ? countVitest(JSON.parse(text))
      : countPytest(text);
  console.log(counts.join(" "));
}
