// Whatever is timed beside other libraries, by its name: a training step or a single operation.
import { operationStep } from '../ops/steps.mjs';
import { workload } from '../workloads/index.mjs';

export const find = async name => operationStep(name) ?? workload(name);
