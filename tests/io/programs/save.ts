// Saves `argv[3]` floats, all `argv[4]`, to the file `argv[2]`; without a value, again and again until it is ended.
import { full, io } from '../../../ts';

const [path = '', size = '1', value] = process.argv.slice(2);

async function main(): Promise<void> {
  for (let round = 0; ; round++) {
    await io.saveSafetensors(path, { x: full([Number(size)], Number(value ?? round)) });
    if (round === 0) process.stdout.write('saved\n');
    if (value !== undefined) return;
  }
}

main().catch((error: unknown) => {
  process.stdout.write(String(error));
  process.exitCode = 1;
});
