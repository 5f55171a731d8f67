import { buildKernel } from "./build/tool.ts";
import { createKernel } from "./create/tool.ts";
import { inspectGpu } from "./gpu/tool.ts";
import { asJob } from "./jobs/as-job.ts";
import { checkJob } from "./jobs/tool.ts";
import type { Tool } from "./tool.ts";
import { validateKernel } from "./validate/tool.ts";

/** The tools in the order in which an agent calls them: the whole list, for every door. */
export const tools: readonly Tool[] = [
  inspectGpu,
  createKernel,
  buildKernel,
  validateKernel,
  checkJob,
];

/** These may outlast the longest wait of a client. */
const longTools: ReadonlySet<Tool> = new Set<Tool>([buildKernel, validateKernel]);

/** The same tools for a door whose calls must end soon: the long ones answer with a job. */
export const toolsWithJobs: readonly Tool[] = tools.map((tool) =>
  longTools.has(tool) ? asJob(tool) : tool,
);
