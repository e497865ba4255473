// Leaves with work in the queue, in the way the first argument says.
import { matmul, ones } from '../../../ts';
import type { Tensor } from '../../../ts';

const held: Tensor[] = [];
for (let i = 0; i < 40; i++) held.push(matmul(ones([600, 600]), ones([600, 600])));
void held.at(-1)?.read();

switch (process.argv[2]) {
  case 'exit':
    process.exit(7);
    break;
  case 'throw':
    throw new RangeError('mine');
  case 'reject':
    void Promise.reject(new RangeError('mine'));
    break;
  case 'exit-in-read':
    void held[0]?.read().then(() => process.exit(9));
    break;
  default:
    process.stdout.write('no such way\n');
}
