// The training steps that are timed, by name. A workload is `{ name, flops, params, build(seed) }`: the floating-point
// operations of a step, the number of parameters, and what makes `{ models, optimizers, inputs, step }` from a seed.
// `step(...inputs)` is one whole step, clearing of gradients and update included, and returns the loss or losses. Where a
// step draws noise, `noise` has its shapes, and a step that is given it after the inputs draws none.
const files = {
  mlp: './mlp.mjs',
  lenet: './lenet.mjs',
  resnet18: './resnet18.mjs',
  charlstm: './charlstm.mjs',
  seq2seq: './seq2seq.mjs',
  transformer: './transformer.mjs',
  vae: './vae.mjs',
  gan: './gan.mjs',
  tiny: './tiny.mjs',
};

export const names = Object.keys(files);

/** Each is imported when it is asked for: one that needs a missing layer must not take the others with it. */
export async function workload(name) {
  const { workload: found } = await import(files[name]);
  return found;
}

/** The names of a list 'a,b'; all without one. Throws for an unknown name. */
export function chosen(list) {
  if (list === undefined) return names;
  const wanted = list.split(',');
  const unknown = wanted.filter(name => !names.includes(name));
  if (unknown.length > 0) throw new Error(`${unknown.join(', ')}: no such workload; use ${names.join(', ')}`);
  return wanted;
}
