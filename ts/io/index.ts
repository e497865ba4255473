// The io room: weights on disk.
export { loadSafetensors, saveSafetensors } from './safetensors';
