// The pace of compiled steps: when the caller of one may go on to the next.
import { native } from './native';
import type { Tensor } from './tensor';

// The event loop gets a turn at least this often.
const TURN_MS = 5;

// When the first call since the last turn was made; 0 where none was.
let turned = 0;

interface Waiting {
  readonly room: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

// Written by planRun: the number of the room that the next run has to wait for, 0 for none.
const status = new Int32Array(1);
// Few wait at a time, nearly always one.
const waiting: Waiting[] = [];

function waitingFor(room: number): Waiting | undefined {
  if (waiting[waiting.length - 1]?.room === room) return waiting.pop();
  const index = waiting.findIndex(each => each.room === room);
  return index < 0 ? undefined : waiting.splice(index, 1)[0];
}

native.onRoom(status, (room, error) => {
  turned = 0;
  const found = waitingFor(room);
  if (error === undefined) found?.resolve();
  else found?.reject(error);
});

const turn = <T>(value: T): Promise<T> =>
  new Promise(resolve => {
    setImmediate(() => {
      turned = 0;
      resolve(value);
    });
  });

// Resolved at once, unless that would keep the event loop waiting.
function soon<T>(value: T): Promise<T> {
  const now = performance.now();
  if (turned === 0) turned = now;
  return now - turned > TURN_MS ? turn(value) : Promise.resolve(value);
}

const whenRoom = <T>(room: number, value: T, tensors: readonly Tensor[]): Promise<T> =>
  new Promise((resolve, reject) => {
    waiting.push({
      room,
      resolve: () => {
        resolve(value);
      },
      reject: error => {
        for (const tensor of tensors) tensor.dispose();
        reject(error);
      },
    });
  });

/**
 * `value`, once another run may be submitted behind the one that was just submitted and gives `tensors`. Rejects, and
 * frees these, with a failure of earlier steps.
 */
export function whenNextMayRun<T>(value: T, tensors: readonly Tensor[]): Promise<T> {
  const room = status[0];
  return room === undefined || room === 0 ? soon(value) : whenRoom(room, value, tensors);
}
