// Ends its file while a read is pending: the process must wait for it.
import { matmul, ones } from '../../../ts';

let x = ones([400, 400]);
for (let i = 0; i < 20; i++) x = matmul(x, ones([400, 400])).mul(1 / 400);
void x.item().catch(() => process.stdout.write('item refused\n'));
void x.read().then(values => process.stdout.write(`read ${values[0]}\n`));
process.stdout.write('end of file\n');
