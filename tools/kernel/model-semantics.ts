import type { Rounding } from "./cases.ts";
import type { OperatorName } from "./operators.ts";

/** What a norm of a well-known library computes, and what people call it. */
export interface ModelSemantics {
  /** As it stands in a sentence: "bitwise transformers' Qwen3RMSNorm". */
  name: string;
  /** What tells it from its neighbours, in words. */
  words: string;
  operator: OperatorName;
  rounding: Rounding;
  weight_offset: number;
  /** `add_rmsnorm`: whether the sum is rounded before it is normalised; undefined: no sum. */
  rounded_sum: boolean | undefined;
  source: string;
}

const census = "every RMSNorm class in transformers 5.23.0, by its syntax tree and by calling it";

/** The first that fits names a kernel: the best known stands first. */
export const modelSemantics: readonly ModelSemantics[] = [
  {
    name: "transformers' Qwen3RMSNorm",
    words: "llama rounding",
    operator: "rmsnorm",
    rounding: "llama",
    weight_offset: 0,
    rounded_sum: undefined,
    source: `${census}: also Llama, Mistral, Qwen2, DeepSeek, GLM, Phi; 140 classes`,
  },
  {
    name: "torch.nn.RMSNorm",
    words: "one rounding",
    operator: "rmsnorm",
    rounding: "single",
    weight_offset: 0,
    rounded_sum: undefined,
    source: `${census}: also gpt-oss, OLMo 2 and 3, Nemotron-H; torch 2.15.0`,
  },
  {
    name: "transformers' GemmaRMSNorm",
    words: "weight_offset 1, one rounding",
    operator: "rmsnorm",
    rounding: "single",
    weight_offset: 1,
    rounded_sum: undefined,
    source: `${census}: Gemma 1 to 3, RecurrentGemma, Qwen3-Next`,
  },
  {
    name: "residual + Qwen3RMSNorm in transformers",
    words: "rounded sum, llama rounding",
    operator: "add_rmsnorm",
    rounding: "llama",
    weight_offset: 0,
    rounded_sum: true,
    source: `${census}: a decoder layer adds in the storage dtype, then normalises`,
  },
  {
    name: "residual + torch.nn.RMSNorm",
    words: "rounded sum, one rounding",
    operator: "add_rmsnorm",
    rounding: "single",
    weight_offset: 0,
    rounded_sum: true,
    source: "torch 2.15.0; Liger's fused add adds so too",
  },
  {
    name: "FlashInfer's FusedAddRMSNorm",
    words: "unrounded sum, one rounding",
    operator: "add_rmsnorm",
    rounding: "single",
    weight_offset: 0,
    rounded_sum: false,
    source: "flashinfer norm.cuh; QuACK's rmsnorm.py does the same",
  },
  {
    name: "torch.nn.LayerNorm",
    words: "one rounding",
    operator: "layernorm",
    rounding: "single",
    weight_offset: 0,
    rounded_sum: undefined,
    source: "torch 2.15.0",
  },
];
