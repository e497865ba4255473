// Computes and ends: nothing may keep the process alive.
import { tensor } from '../../../ts';

tensor([1, 2, 3]).mul(2).sum();
process.stdout.write('end of file\n');
