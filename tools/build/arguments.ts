import * as z from "zod";

/** What every tool that compiles takes: for which archs, and with which compiler. */
export const compilerArguments = {
  archs: z
    .array(z.string().regex(/^sm_\d{2,3}[af]?$/u, "expected an arch such as sm_90"))
    .min(1)
    .max(12)
    .optional()
    .describe('For example ["sm_80", "sm_90"]; left out: those of kernel.yaml'),
  install_compiler: z
    .boolean()
    .default(false)
    .describe("Install NVIDIA's compiler (about 110 MB, from PyPI) if there is none"),
  cuda_home: z.string().max(1000).optional().describe("Folder of the CUDA toolkit to use"),
};
