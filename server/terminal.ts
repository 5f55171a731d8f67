import { renderDuration } from "../tools/text.ts";
import type { Progress } from "../tools/tool.ts";

/** A line on stderr that is rewritten as a call goes on; without a terminal, a line now and then. */
export interface ProgressLine {
  show(progress: Progress): void;
  /** Takes the line away again. */
  clear(): void;
}

/** Redraws closer together than this are left out. */
const leastGapMs = 80;
/** Without a terminal (a log): at most one line in this time. */
const logGapMs = 5000;

export function progressLine(stream: NodeJS.WriteStream, isQuiet: boolean): ProgressLine {
  if (isQuiet) return { show: () => {}, clear: () => {} };
  return stream.isTTY ? rewrittenLine(stream) : loggedLines(stream);
}

function rewrittenLine(stream: NodeJS.WriteStream): ProgressLine {
  const started = Date.now();
  let latest: Progress | undefined;
  let drawn = 0;
  const draw = () => {
    if (!latest) return;
    drawn = Date.now();
    const columns = stream.columns || 80;
    stream.write(`\r\u001b[2K${renderStep(latest, drawn - started).slice(0, columns - 1)}`);
  };
  const ticking = setInterval(draw, 500);
  ticking.unref();
  return {
    show(progress) {
      latest = progress;
      if (Date.now() - drawn >= leastGapMs) draw();
    },
    clear() {
      clearInterval(ticking);
      if (drawn > 0) stream.write("\r\u001b[2K");
      latest = undefined;
    },
  };
}

function loggedLines(stream: NodeJS.WriteStream): ProgressLine {
  const started = Date.now();
  let logged = started;
  return {
    show(progress) {
      if (Date.now() - logged < logGapMs) return;
      logged = Date.now();
      stream.write(`${renderStep(progress, logged - started)}\n`);
    },
    clear: () => {},
  };
}

function renderStep(progress: Progress, elapsedMs: number): string {
  const count = progress.total === undefined ? "" : ` ${progress.done}/${progress.total}`;
  return `  ${progress.message}${count}  ${renderDuration(elapsedMs)}`;
}

/** Colours words only: green passed, red failed, yellow doubts; nothing unless a person looks at a terminal. */
export function coloured(text: string, stream: NodeJS.WriteStream): string {
  const isWanted = stream.isTTY && !process.env.NO_COLOR && process.env.TERM !== "dumb";
  if (!isWanted) return text;
  return text
    .replace(/\bpassed\b/giu, "\u001b[32m$&\u001b[39m")
    .replace(/\bfailed\b/giu, "\u001b[31m$&\u001b[39m")
    .replace(/\b(?:inconclusive|warning|not_checked)\b/giu, "\u001b[33m$&\u001b[39m");
}
