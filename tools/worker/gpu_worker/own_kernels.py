"""The runner's own kernels, as PTX that every GPU since Turing takes.

kw_runner_probe(out, count, seed): out[i] = i * 2654435761 xor seed, 32 bits each.
kw_runner_delay(nanoseconds): one thread that looks at the clock until that time is over.
"""

PTX = b"""
.version 6.3
.target sm_75
.address_size 64

.visible .entry kw_runner_probe(.param .u64 out, .param .u32 count, .param .u32 seed)
{
  .reg .pred %p<2>;
  .reg .b32 %r<9>;
  .reg .b64 %rd<5>;
  ld.param.u64 %rd1, [out];
  ld.param.u32 %r1, [count];
  ld.param.u32 %r2, [seed];
  mov.u32 %r3, %ctaid.x;
  mov.u32 %r4, %ntid.x;
  mov.u32 %r5, %tid.x;
  mad.lo.u32 %r6, %r3, %r4, %r5;
  setp.ge.u32 %p1, %r6, %r1;
  @%p1 bra done;
  mul.lo.u32 %r7, %r6, 0x9E3779B1;
  xor.b32 %r8, %r7, %r2;
  mul.wide.u32 %rd2, %r6, 4;
  cvta.to.global.u64 %rd3, %rd1;
  add.u64 %rd4, %rd3, %rd2;
  st.global.u32 [%rd4], %r8;
done:
  ret;
}

.visible .entry kw_runner_delay(.param .u64 nanoseconds)
{
  .reg .pred %p<2>;
  .reg .b64 %rd<5>;
  ld.param.u64 %rd1, [nanoseconds];
  mov.u64 %rd2, %globaltimer;
again:
  mov.u64 %rd3, %globaltimer;
  sub.u64 %rd4, %rd3, %rd2;
  setp.lt.u64 %p1, %rd4, %rd1;
  @%p1 bra again;
  ret;
}
"""
