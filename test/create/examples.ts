/** The projects below examples/, as create_kernel is called to make them. */
export const examples = [
  {
    folder: "examples/qwen3-8b",
    arguments: {
      name: "qwen3-8b-rmsnorm",
      folder: "examples/qwen3-8b/qwen3-8b-rmsnorm",
      model: "qwen3-8b",
      dtypes: ["bfloat16", "float16"],
    },
  },
  {
    folder: "examples/ltx-video",
    arguments: {
      name: "ltx-video-rmsnorm",
      folder: "examples/ltx-video/ltx-video-rmsnorm",
      model: "ltx-video",
      dtypes: ["bfloat16", "float32"],
    },
  },
];
