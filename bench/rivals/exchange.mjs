// The file that carries the initial weights, the inputs and fixed noise of a workload to all who train it.
import { hebb } from '../workloads/hebb.mjs';

const { io, nn, normal } = hebb;
const SEED = 0;

function named(prefix, tensors) {
  return tensors.map((tensor, i) => [`${prefix}.${i}`, tensor]);
}

/** Builds a workload from its seed and writes what it starts from: `models.0.PATH`, `inputs.0`, `noise.0` and so on. */
export async function writeStart(workload, file) {
  const { models, inputs, noise = [] } = workload.build(SEED);
  const states = models.flatMap((model, i) =>
    model.namedStates().map(([path, state]) => [`models.${i}.${path}`, state]),
  );
  const drawn = noise.map(shape => normal(shape));
  const all = [...states, ...named('inputs', inputs), ...named('noise', drawn)];
  await io.saveSafetensors(file, Object.fromEntries(all));
}

/** What `build` makes, starting from the file. For a check nothing is drawn: noise is an input, and nothing is dropped. */
export async function readStart(workload, file, check) {
  const built = workload.build(SEED);
  const tensors = Object.fromEntries(await io.loadSafetensors(file));
  built.models.forEach((model, i) => {
    const prefix = `models.${i}.`;
    const own = Object.entries(tensors).filter(([name]) => name.startsWith(prefix));
    model.loadStateDict(Object.fromEntries(own.map(([name, value]) => [name.slice(prefix.length), value])));
  });
  const list = (prefix, shapes) => shapes.map((_, i) => tensors[`${prefix}.${i}`]);
  const inputs = list('inputs', built.inputs);
  if (!check) return { ...built, inputs };
  const layers = built.models.flatMap(model => model.modules());
  for (const layer of layers) if (layer instanceof nn.Dropout) layer.eval();
  return { ...built, inputs: [...inputs, ...list('noise', built.noise ?? [])] };
}
