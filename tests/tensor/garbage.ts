// Lets the collector run to its end, so that no finalizer of an earlier test moves the figures of the next.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Collects, and waits until the finalizers that are run as tasks have run. */
export async function collectGarbage(): Promise<void> {
  for (let i = 0; i < 2; i++) {
    collect();
    await new Promise(resolve => setImmediate(resolve));
  }
}
