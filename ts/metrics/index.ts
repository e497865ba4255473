// The metrics room: what is measured beside the loss.
export { Accuracy, accuracy } from './accuracy';
export type { ClassIds } from './accuracy';
export { ConfusionMatrix } from './confusion';
