// Recordings of fused programs as hebb_tests --record writes them, made here: kernels that multiply floats by two.
import { writeFileSync } from 'node:fs';

export interface Recorded {
  readonly entry: string;
  /** Instead of `[p] = 2 [p]` for each of the thread's elements: %l1 is their address. */
  readonly body?: string;
  /** What the recording says that four times 1, 2, 3 and 4 become. */
  readonly after?: readonly number[];
  readonly units?: number;
}

const double = `  ld.global.f32 %f0, [%l1];
  add.rn.f32 %f1, %f0, %f0;
  st.global.f32 [%l1+16], %f1;
`;

/** A thread, and then every next one, takes an element of four; results lie 16 bytes behind. */
function textOf({ entry, body = double }: Recorded): string {
  return `.version 7.0
.target sm_75
.address_size 64
.visible .entry ${entry}(
  .param .align 8 .b8 arguments[16]
)
.maxntid 32, 1, 1
{
  .reg .pred %p<1>;
  .reg .b32 %r<3>;
  .reg .b64 %l<2>;
  .reg .f32 %f<2>;
  ld.param.b64 %l0, [arguments+0];
  ld.param.b32 %r0, [arguments+8];
  mov.u32 %r1, %tid.x;
  mov.u32 %r2, %ntid.x;
L0:
  setp.ge.u32 %p0, %r1, %r0;
  @%p0 bra L1;
  mad.wide.u32 %l1, %r1, 0x4, %l0;
${body}  add.u32 %r1, %r1, %r2;
  bra L0;
L1:
  ret;
}
`;
}

/** One command of each kernel: four floats that nothing touches, four that are read, four that are written. */
export function writeRecording(file: string, kernels: readonly Recorded[]): void {
  const pieces: (Buffer | string)[] = [];
  const line = (value: unknown): number => pieces.push(`${JSON.stringify(value)}\n`);
  line({ format: 'hebb programs 1', kernels: kernels.length, commands: kernels.length });
  for (const kernel of kernels) {
    const before = Buffer.from(new Float32Array([9, 9, 9, 9, 1, 2, 3, 4, 0, 0, 0, 0]).buffer);
    const after = Buffer.from(new Float32Array(kernel.after ?? [2, 4, 6, 8]).buffer);
    line({ kernel: kernel.entry, text: textOf(kernel) });
    line({
      command: 'of four floats',
      units: kernel.units ?? 0,
      absolute: 0,
      grids: [
        [1, 32],
        [1, 3],
      ],
      arguments: [0, 4],
      addresses: [[0, 0, 16]],
      memories: [{ bytes: before.length, misaligned: 4, given: true }],
      outputs: [{ memory: 0, offset: 32, bytes: after.length, dtype: 'f32', read: false }],
      payload: before.length + after.length,
    });
    pieces.push(before, after);
  }
  writeFileSync(file, Buffer.concat(pieces.map(piece => Buffer.from(piece))));
}
