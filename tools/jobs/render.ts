import { renderTable } from "../text.ts";

interface Renderable {
  [key: string]: unknown;
  summary: string;
  jobs?:
    | readonly {
        job_id: string;
        tool: string;
        state: string;
        elapsed_s: number;
        step?: string | undefined;
      }[]
    | undefined;
}

/** A table of jobs, or the result of one as its tool named its fields. */
export function renderJobs(result: Renderable): string {
  if (!result.jobs) return renderResult(result);
  if (result.jobs.length === 0) return result.summary;
  const rows = result.jobs.map((job) => [
    job.job_id,
    job.tool,
    job.state,
    `${job.elapsed_s.toFixed(1)} s`,
    job.step ?? "",
  ]);
  const table = renderTable(["job", "tool", "state", ">time", "step"], rows);
  return `${result.summary}\n\n${table}`;
}

function renderResult(result: Renderable): string {
  const verdict = typeof result.verdict === "string" ? `\nverdict: ${result.verdict}` : "";
  return `${result.summary}${verdict}\nThe whole result: the same command with --json`;
}
