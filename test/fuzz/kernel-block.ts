import { condition, word } from "./kernel-arithmetic.ts";
import { accumulators, type Place, uniforms, type Writer, words } from "./kernel-writer.ts";

/** What all threads of the block do together, ordered by barriers; those that exited are not waited for. */
export function blockOperation(w: Writer, place: Place): void {
  const { random } = w;
  switch (random.below(5)) {
    case 0:
    case 1:
      exchange(w);
      break;
    case 2:
      reduceAtBarrier(w);
      break;
    case 3:
      accumulate(w);
      break;
    default:
      changeUniform(w, place);
  }
}

function barrier(w: Writer): string {
  return w.random.pick(["bar.sync 0;", "bar.sync 0;", "barrier.sync 0;", "bar.sync 1;"]);
}

/** Every thread writes its own word and reads another's. */
function exchange(w: Writer): void {
  const { random } = w;
  w.features.add("exchange");
  const [index, address] = [w.fresh("t"), w.fresh("t")];
  w.line(`rem.u32 ${index}, ${random.pick(words)}, ${w.threads};`);
  w.line(`mad.lo.s32 ${address}, ${index}, 4, %base;`);
  w.line(`st.shared.u32 [%slot], ${random.pick(words)};`);
  w.line(barrier(w));
  w.line(`ld.shared.u32 ${random.pick(words)}, [${address}];`);
  w.line(barrier(w));
}

function reduceAtBarrier(w: Writer): void {
  const { random } = w;
  w.features.add("barrier_reduction");
  const p = condition(w);
  if (random.chance(0.4)) {
    w.line(`bar.red.popc.u32 ${random.pick(words)}, 0, ${p};`);
    return;
  }
  const result = w.fresh("p");
  w.line(
    `bar.red.${random.pick(["and", "or"])}.pred ${result}, 0, ${random.chance(0.3) ? "!" : ""}${p};`,
  );
  w.line(`selp.b32 ${random.pick(words)}, ${word(w)}, ${random.pick(words)}, ${result};`);
}

/** Atomics whose sum does not depend on their order; what they return is not looked at. */
function accumulate(w: Writer): void {
  const { random } = w;
  w.features.add("atomics");
  const place = w.fresh("t");
  const how = random.pick(["add.u32", "max.u32", "min.s32", "xor.b32", "or.b32", "and.b32"]);
  const guard = random.chance(0.5) ? `@${condition(w)} ` : "";
  const at = w.threads * 4 + 4 * random.below(accumulators);
  w.line(`add.u32 ${place}, %base, ${at};`);
  w.line(barrier(w));
  if (random.chance(0.5)) w.line(`${guard}red.shared.${how} [${place}], ${random.pick(words)};`);
  else w.line(`${guard}atom.shared.${how} ${w.fresh("t")}, [${place}], ${random.pick(words)};`);
  w.line(barrier(w));
  w.line(`ld.shared.u32 ${random.pick(words)}, [${place}];`);
}

/** Another value for a variable that is the same in all threads of the block. */
function changeUniform(w: Writer, place: Place): void {
  const { random } = w;
  w.features.add("uniform_value");
  const to = random.pick(uniforms);
  if (place.depth === 0 && random.chance(0.3)) {
    w.line(`bar.red.popc.u32 ${to}, 0, ${condition(w)};`);
    return;
  }
  const [a, b] = [
    random.pick(uniforms),
    random.pick([...uniforms, "%block", `${random.below(100)}`]),
  ];
  w.line(`${random.pick(["add.u32", "xor.b32", "mul.lo.u32", "sub.u32"])} ${to}, ${a}, ${b};`);
}
