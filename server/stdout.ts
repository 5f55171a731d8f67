import { Writable } from "node:stream";

/**
 * Takes stdout for the protocol: what the returned stream is given goes there and nothing else.
 * Whatever a library, a thread or a forgotten console.log prints goes to stderr.
 */
export function claimStdout(): Writable {
  const write = process.stdout.write.bind(process.stdout);
  process.stdout.write = process.stderr.write.bind(process.stderr);
  // A client that went away is learnt of through stdin; writing to it must not throw.
  process.stdout.on("error", () => {});
  process.stderr.on("error", () => {});
  return new Writable({
    write(chunk, _encoding, done) {
      write(chunk, () => done());
    },
  });
}
