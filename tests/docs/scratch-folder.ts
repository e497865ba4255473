// Where snippets run: a folder of their own with the weights that they read, and a fresh seed and the usual threads for each.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { io, nn, seed, setThreads, threads } from 'hebb';

/** For the tests of this file; `prepare` adds files to the folder, which is the current one. */
export function useScratchFolder(prepare: () => void = () => undefined): void {
  const here = process.cwd();
  const usual = threads();
  let folder = '';
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hebb-docs-'));
    process.chdir(folder);
    const model = nn.sequential(new nn.Flatten(), new nn.Linear(784, 10));
    await io.saveSafetensors('weights.safetensors', model.stateDict());
    prepare();
  });
  beforeEach(() => seed(0));
  afterEach(() => setThreads(usual));
  afterAll(() => {
    process.chdir(here);
    rmSync(folder, { recursive: true });
  });
}
