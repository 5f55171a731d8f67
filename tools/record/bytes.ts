/** Appends little-endian values, as stand_in/protocol.c reads them. */
export interface ByteWriter {
  u32(value: number): void;
  u64(value: bigint | number): void;
  blob(bytes: Uint8Array): void;
  text(text: string): void;
  finish(): Buffer;
}

export function byteWriter(): ByteWriter {
  const parts: Uint8Array[] = [];
  const u32 = (value: number) => {
    const part = Buffer.alloc(4);
    part.writeUInt32LE(value);
    parts.push(part);
  };
  const blob = (bytes: Uint8Array) => {
    u32(bytes.length);
    parts.push(bytes);
  };
  return {
    u32,
    u64(value) {
      const part = Buffer.alloc(8);
      part.writeBigUInt64LE(BigInt(value));
      parts.push(part);
    },
    blob,
    text: (text) => blob(Buffer.from(text, "utf8")),
    finish: () => Buffer.concat(parts),
  };
}

/** Takes the values back; reading past the end throws RangeError, which means a broken reply. */
export interface ByteReader {
  u32(): number;
  i32(): number;
  u64(): bigint;
  /** A copy, so that it outlives the reply. */
  blob(): Uint8Array;
  text(): string;
}

export function byteReader(bytes: Buffer): ByteReader {
  let at = 0;
  const u32 = () => {
    at += 4;
    return bytes.readUInt32LE(at - 4);
  };
  const blob = () => {
    const size = u32();
    if (size > bytes.length - at) throw new RangeError(`${size} bytes announced at ${at}`);
    at += size;
    return bytes.subarray(at - size, at);
  };
  return {
    u32,
    i32() {
      at += 4;
      return bytes.readInt32LE(at - 4);
    },
    u64() {
      at += 8;
      return bytes.readBigUInt64LE(at - 8);
    },
    blob: () => Uint8Array.from(blob()),
    text: () => blob().toString("utf8"),
  };
}

/** Chunks of a stream, joined only when enough of them are there: large replies cost one copy. */
export interface ReceivedBytes {
  add(chunk: Buffer): void;
  /** The first `count` bytes, or undefined while fewer have come. */
  peek(count: number): Buffer | undefined;
  drop(count: number): void;
}

export function receivedBytes(): ReceivedBytes {
  let chunks: Buffer[] = [];
  let length = 0;
  return {
    add(chunk) {
      chunks.push(chunk);
      length += chunk.length;
    },
    peek(count) {
      if (length < count) return undefined;
      const [first] = chunks;
      if (first && first.length >= count) return first.subarray(0, count);
      const joined = Buffer.concat(chunks);
      chunks = [joined];
      return joined.subarray(0, count);
    },
    drop(count) {
      const rest = Buffer.concat(chunks).subarray(count);
      chunks = rest.length > 0 ? [rest] : [];
      length = rest.length;
    },
  };
}
