import type { Progress } from "../tools/tool.ts";

/** One notification: `progress` grows from each to the next, as the protocol demands. */
export interface Step {
  progress: number;
  total?: number;
  message: string;
}

/** Steps closer together than this are left out. */
const leastGapMs = 250;
/** Clients with an idle limit hear from us at least this often. */
const heartbeatMs = 4000;
/** Added where nothing was done since the last step. */
const epsilon = 1e-3;

/** Turns the progress of a tool into few, growing, never silent steps. `stop` ends the heartbeat. */
export function stepSender(
  name: string,
  send: (step: Step) => void,
): { progress(progress: Progress): void; stop(): void } {
  const started = Date.now();
  let latest: Progress = { message: `${name} is running`, done: 0 };
  let lastSent = 0;
  let lastProgress = -1;
  const emit = () => {
    const progress = latest.done > lastProgress ? latest.done : lastProgress + epsilon;
    lastProgress = progress;
    lastSent = Date.now();
    const total = latest.total === undefined ? {} : { total: Math.max(latest.total, progress) };
    send({ progress, ...total, message: latest.message });
  };
  const heartbeat = setInterval(() => {
    if (Date.now() - lastSent < heartbeatMs - 100) return;
    const seconds = Math.round((Date.now() - started) / 1000);
    const { message } = latest;
    latest = { ...latest, message: `${message} (${seconds} s)` };
    emit();
    latest = { ...latest, message };
  }, heartbeatMs);
  heartbeat.unref();
  return {
    progress(progress) {
      const isNews = progress.message !== latest.message || progress.done !== latest.done;
      latest = progress;
      if (isNews && Date.now() - lastSent >= leastGapMs) emit();
    },
    stop: () => clearInterval(heartbeat),
  };
}
