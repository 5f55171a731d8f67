import { PtxError } from "./fault.ts";

interface Initialiser {
  bytes: Uint8Array;
  addresses: { offset: number; symbol: string; addend: number; bytes: number }[];
}

/**
 * The bytes of `= {1, 2, 3}`, `= "text"`, `= 0f3f800000`, `= {generic(name)+8}`. Elements of `elementBytes`.
 * Only those that are given, of a variable of `bytes`: the rest is 0, and may be gigabytes.
 */
export function parseInitialiser(
  text: string,
  elementBytes: number,
  type: string,
  bytes: number | undefined,
  line: number,
): Initialiser {
  const values = text
    .replace(/[{}]/gu, " ")
    .split(",")
    .map((value) => value.trim())
    .filter((value) => value !== "");
  const given = values.length * elementBytes;
  const data = new Uint8Array(Math.min(bytes ?? given, given));
  const view = new DataView(data.buffer);
  const addresses: Initialiser["addresses"] = [];
  values.forEach((value, index) => {
    const offset = index * elementBytes;
    const address = /^(?:generic\(\s*)?([A-Za-z_$%][\w$]*)\s*\)?\s*(?:\+\s*(\d+))?$/u.exec(value);
    if (address) {
      const [, symbol = "", addend] = address;
      addresses.push({ offset, symbol, addend: Number(addend ?? 0), bytes: elementBytes });
      return;
    }
    const bits = elementBits(value, elementBytes, type, line);
    for (let i = 0; i < elementBytes && offset + i < data.length; i++) {
      view.setUint8(offset + i, Number((bits >> BigInt(8 * i)) & 255n));
    }
  });
  return { bytes: data, addresses };
}

function elementBits(value: string, elementBytes: number, type: string, line: number): bigint {
  if (/^0[fFdD][0-9a-fA-F]+$/u.test(value)) return BigInt(`0x${value.slice(2)}`);
  if (/^[+-]?\d*\.\d+(?:[eE][+-]?\d+)?$/u.test(value) && type.startsWith("f")) {
    const view = new DataView(new ArrayBuffer(8));
    if (elementBytes === 8) view.setFloat64(0, Number(value));
    else view.setFloat32(0, Number(value));
    return elementBytes === 8 ? view.getBigUint64(0) : BigInt(view.getUint32(0));
  }
  const integer = /^(-?)(0[xX][0-9a-fA-F]+|0[bB][01]+|\d+)U?$/u.exec(value);
  if (!integer) throw new PtxError("unsupported", `initial value "${value}"`, { line });
  const digits = integer[2] ?? "0";
  const magnitude = /^0\d/u.test(digits) ? BigInt(`0o${digits.slice(1)}`) : BigInt(digits);
  return BigInt.asUintN(elementBytes * 8, integer[1] === "-" ? -magnitude : magnitude);
}
