// The data room: data sets, readers, loaders.
export { ArrayDataset } from './dataset';
export type { Dataset, FieldArray, FieldSpec, FieldValues } from './dataset';
export { digits } from './digits';
export type { DigitsOptions } from './digits';
export { FASHION_MNIST_FOLDER, fashionMnist, mnist } from './fashion';
export type { TrainTest } from './fashion';
export { parseIdx, readIdx } from './idx';
export { Loader, loader } from './loader';
export type { Batch, LoaderOptions } from './loader';
