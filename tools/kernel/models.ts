import type { Site } from "./project-schema.ts";

/** A norm of a model, as often as it occurs, without the rows that depend on the input. */
export interface ModelSite extends Omit<Site, "rows"> {
  /** How many norms of the model this site stands for. */
  count: number;
  /** Rows of the norm per token: 1, or the number of heads for a norm per head. */
  rows_per_token: number;
  /** Tokens to measure, where they are not the model's own. */
  tokens?: readonly number[];
}

export interface Model {
  name: string;
  hub_id: string;
  /** Tokens in a call that are worth measuring: decode, short and long prompts, or a latent video. */
  tokens: readonly number[];
  sites: readonly ModelSite[];
  source: string;
}

/** One token at a time, and prompts. */
const languageTokens = [1, 128, 1024, 8192];
/** 512x768 pixels at 8 times less frames and 32 times less pixels a side, up to 161 frames: 8064. */
const videoTokens = [1024, 4096, 8064];

const counted = "counted on the meta device with transformers 5.23.0 and diffusers 0.42.1";

/** transformers' "RMSNorm": rounds to the input's dtype, then multiplies; a float32 weight promotes. */
const llama = {
  rounding: "llama",
  weight: "same",
  weight_offset: 0,
  output_dtype: "promoted",
} as const;
/** (1 + weight) in float32, one rounding. */
const gemma = {
  rounding: "single",
  weight: "same",
  weight_offset: 1,
  output_dtype: "input",
} as const;
/** torch.nn.RMSNorm, and gpt-oss: one rounding. */
const single = {
  rounding: "single",
  weight: "same",
  weight_offset: 0,
  output_dtype: "input",
} as const;
const weightless = { ...single, weight: "none" } as const;

/**
 * Where well-known models use RMSNorm. A fallback that says so: integrate_kernel asks the model's
 * own configuration. eps, hidden_size and counts are those of the published checkpoints.
 */
export const models: readonly Model[] = [
  {
    name: "qwen3-8b",
    hub_id: "Qwen/Qwen3-8B",
    tokens: languageTokens,
    sites: [
      { name: "input_layernorm", hidden_size: 4096, eps: 1e-6, ...llama, ...each(36) },
      { name: "post_attention_layernorm", hidden_size: 4096, eps: 1e-6, ...llama, ...each(36) },
      { name: "norm", hidden_size: 4096, eps: 1e-6, ...llama, ...each(1) },
      { name: "q_norm", hidden_size: 128, eps: 1e-6, ...llama, ...each(36, 32) },
      { name: "k_norm", hidden_size: 128, eps: 1e-6, ...llama, ...each(36, 8) },
    ],
    source: `145 norms, ${counted}; 36 layers, 32 query and 8 key heads`,
  },
  {
    name: "qwen3-30b-a3b",
    hub_id: "Qwen/Qwen3-30B-A3B",
    tokens: languageTokens,
    sites: [
      { name: "input_layernorm", hidden_size: 2048, eps: 1e-6, ...llama, ...each(48) },
      { name: "post_attention_layernorm", hidden_size: 2048, eps: 1e-6, ...llama, ...each(48) },
      { name: "norm", hidden_size: 2048, eps: 1e-6, ...llama, ...each(1) },
      { name: "q_norm", hidden_size: 128, eps: 1e-6, ...llama, ...each(48, 32) },
      { name: "k_norm", hidden_size: 128, eps: 1e-6, ...llama, ...each(48, 4) },
    ],
    source: `193 norms, ${counted}; 48 layers, 32 query and 4 key heads`,
  },
  {
    name: "llama-3.1-8b",
    hub_id: "meta-llama/Llama-3.1-8B",
    tokens: languageTokens,
    sites: [
      { name: "input_layernorm", hidden_size: 4096, eps: 1e-5, ...llama, ...each(32) },
      { name: "post_attention_layernorm", hidden_size: 4096, eps: 1e-5, ...llama, ...each(32) },
      { name: "norm", hidden_size: 4096, eps: 1e-5, ...llama, ...each(1) },
    ],
    source: `65 norms, ${counted}; Mistral-7B has the same`,
  },
  {
    name: "gemma-2-9b",
    hub_id: "google/gemma-2-9b",
    tokens: languageTokens,
    sites: [
      { name: "input_layernorm", hidden_size: 3584, eps: 1e-6, ...gemma, ...each(42) },
      { name: "post_attention_layernorm", hidden_size: 3584, eps: 1e-6, ...gemma, ...each(42) },
      { name: "pre_feedforward_layernorm", hidden_size: 3584, eps: 1e-6, ...gemma, ...each(42) },
      { name: "post_feedforward_layernorm", hidden_size: 3584, eps: 1e-6, ...gemma, ...each(42) },
      { name: "norm", hidden_size: 3584, eps: 1e-6, ...gemma, ...each(1) },
    ],
    source: `169 norms, ${counted}; weight is added to 1 in float32`,
  },
  {
    name: "gemma-3-4b",
    hub_id: "google/gemma-3-4b-pt",
    tokens: languageTokens,
    sites: [
      { name: "input_layernorm", hidden_size: 2560, eps: 1e-6, ...gemma, ...each(34) },
      { name: "post_attention_layernorm", hidden_size: 2560, eps: 1e-6, ...gemma, ...each(34) },
      { name: "pre_feedforward_layernorm", hidden_size: 2560, eps: 1e-6, ...gemma, ...each(34) },
      { name: "post_feedforward_layernorm", hidden_size: 2560, eps: 1e-6, ...gemma, ...each(34) },
      { name: "norm", hidden_size: 2560, eps: 1e-6, ...gemma, ...each(1) },
      { name: "q_norm", hidden_size: 256, eps: 1e-6, ...gemma, ...each(34, 8) },
      { name: "k_norm", hidden_size: 256, eps: 1e-6, ...gemma, ...each(34, 4) },
    ],
    source: `205 norms of the text model, ${counted}; 34 layers, 8 query and 4 key heads`,
  },
  {
    name: "gpt-oss-20b",
    hub_id: "openai/gpt-oss-20b",
    tokens: languageTokens,
    sites: [
      { name: "input_layernorm", hidden_size: 2880, eps: 1e-5, ...single, ...each(24) },
      { name: "post_attention_layernorm", hidden_size: 2880, eps: 1e-5, ...single, ...each(24) },
      { name: "norm", hidden_size: 2880, eps: 1e-5, ...single, ...each(1) },
    ],
    source: `49 norms, ${counted}; one rounding under the hub name RMSNorm`,
  },
  {
    name: "ltx-video",
    hub_id: "Lightricks/LTX-Video",
    tokens: videoTokens,
    sites: [
      { name: "norm1", hidden_size: 2048, eps: 1e-6, ...weightless, ...each(28) },
      { name: "norm2", hidden_size: 2048, eps: 1e-6, ...weightless, ...each(28) },
      { name: "attn1.norm_q", hidden_size: 2048, eps: 1e-5, ...single, ...each(28) },
      { name: "attn1.norm_k", hidden_size: 2048, eps: 1e-5, ...single, ...each(28) },
      { name: "attn2.norm_q", hidden_size: 2048, eps: 1e-5, ...single, ...each(28) },
      // Keys of the cross attention come from the prompt: 128 tokens.
      {
        name: "attn2.norm_k",
        hidden_size: 2048,
        eps: 1e-5,
        ...single,
        ...each(28),
        tokens: [128],
      },
    ],
    source: `168 norms of the transformer, ${counted}; norm_q and norm_k go across heads, norm_out is a LayerNorm`,
  },
];

/** The sites of a project for that model, with their rows. */
export function sitesOf(model: Model): (Site & { count: number })[] {
  return model.sites.map(({ rows_per_token, tokens, count, ...site }) => ({
    ...site,
    rows: (tokens ?? model.tokens).map((token) => token * rows_per_token),
    count,
  }));
}

/** Norms of the model in all. */
export function normCount(model: Model): number {
  return model.sites.reduce((sum, site) => sum + site.count, 0);
}

function each(count: number, rows_per_token = 1): { count: number; rows_per_token: number } {
  return { count, rows_per_token };
}
