// The models room: architectures ready to train.
export { LeNet } from './lenet';
export type { LeNetOptions } from './lenet';
