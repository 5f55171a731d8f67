import * as z from "zod";
import { defineTool, resultEnvelope } from "../tool.ts";
import { waitSeconds } from "./as-job.ts";
import { checkJobs } from "./check.ts";
import { renderJobs } from "./render.ts";

const jobState = z.enum(["running", "done", "failed", "cancelled", "interrupted"]);

export const jobEntry = z.object({
  job_id: z.string(),
  tool: z.string(),
  state: jobState,
  started_at: z.string().describe("ISO 8601, UTC"),
  elapsed_s: z.number().min(0).max(1e9),
  step: z.string().optional().describe("What it does now, or did last"),
});

export const checkJob = defineTool({
  name: "check_job",
  verb: "job",
  title: "Check a running job",
  description:
    "Wait for, look at or cancel a call that answered status: running with a job_id. Returns what the " +
    "tool itself would have returned, errors included, as soon as the job has ended; status: running " +
    "otherwise, then call it again. Without job_id it lists the jobs of the workspace, newest first. " +
    "Jobs live in the server: one that was interrupted is resumed by making the original call again.",
  input: z.object({
    job_id: z
      .string()
      .min(1)
      .max(64)
      .optional()
      .describe(
        'As given by the call that is running, for example "build-1a2b3c4d"; left out: list all',
      ),
    wait_s: waitSeconds.describe("Seconds to wait for the end of the job; 0 only looks"),
    cancel: z.boolean().default(false).describe("End the job and its processes"),
  }),
  // Loose: an ended job adds the fields of its own tool's result.
  output: z.looseObject({
    ...resultEnvelope,
    jobs: z.array(jobEntry).optional().describe("Without job_id: newest first, 20 at most"),
  }),
  readOnly: false,
  positional: ["job_id"],
  run: checkJobs,
  render: renderJobs,
});
