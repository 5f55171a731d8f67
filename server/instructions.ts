/** What a client shows its model of this server. Codex cuts after 247 characters: the first sentences must do. */
export const instructions = `\
Write, compile and check RMSNorm CUDA kernels, with or without a GPU. Order: inspect_gpu, create_kernel, edit the .cu and .cuh, \
build_kernel, validate_kernel; repeat the last two after each edit; check_job for what still runs.

build_kernel compiles with NVIDIA's compiler and returns diagnostics with file and line, registers, spills and the widths of memory \
accesses. validate_kernel runs the compiled code (on the GPU if there is one, else its PTX, with every access checked) \
against float64 over dtypes, sizes, layouts and hard inputs. Only verdict "passed" means that a kernel is right; a build alone does not.

Every result has a summary, a status, the numbers, warnings with hints, artifacts (files with the details) and next: the tool to call \
with arguments ready to send. Errors are "<code>: <what happened>" and "Next: <what to do>", to be carried out as written. A call that \
takes longer than wait_s (at most 45) answers status "running" and a job_id for check_job; making the same call again joins the same job. \
Paths are relative to the workspace. Nothing is installed without being asked for: on compiler_missing either run "kernelwright setup" \
or pass install_compiler: true. The same tools are a command line: kernelwright inspect, create, build, validate, job, each with --json.`;
