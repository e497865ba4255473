// A process that runs the steps of one workload when it is told, a line of JSON each way; waiting, it sleeps in a read.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { python } from './python.mjs';
import { environmentOf } from './settings.mjs';

const folder = path.dirname(fileURLToPath(import.meta.url));
const MOST_ERROR_TEXT = 4000;
// Compiling may take minutes; what takes longer is not going to end.
const ANSWER_MS = 600_000;

export class Worker {
  #child;
  #lines;
  #errors = '';
  #ended;

  /** `what` names the process in messages. */
  constructor(what, program, args, env) {
    this.what = what;
    this.#child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child.stderr.on('data', chunk => {
      this.#errors = (this.#errors + chunk).slice(-MOST_ERROR_TEXT);
    });
    this.#child.on('error', error => (this.#errors += error.message));
    // A process that has ended takes no more commands: the answer that is missing says so.
    this.#child.stdin.on('error', () => {});
    this.#ended = new Promise(resolve => this.#child.on('close', resolve));
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** Sends a command; what the process answers. */
  async ask(name, options = {}) {
    this.#child.stdin.write(`${JSON.stringify({ do: name, ...options })}\n`);
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), ANSWER_MS);
    const { value, done } = await this.#lines.next();
    clearTimeout(timer);
    if (!done) return JSON.parse(value);
    await this.#ended;
    throw new Error(
      `${this.what}: ended during ${name}: ${this.#errors.trim().split('\n').slice(-12).join('\n')}`,
    );
  }

  window(seconds) {
    return this.ask('window', { seconds });
  }

  async close() {
    this.#child.stdin.end();
    await this.#ended;
  }
}

/** A process of hebb with the task `{ name, file, threads, check }`. */
export function hebbWorker(task, isa) {
  const program = path.join(folder, 'hebb-worker.mjs');
  const env = environmentOf('hebb', { threads: task.threads, isa });
  return new Worker(`hebb ${task.name}`, process.execPath, [program, JSON.stringify(task)], env);
}

/** A process of a rival in one of its settings. */
export function rivalWorker(setting, task, isa) {
  const { rival, name, worker, env } = setting;
  const program = path.join(folder, `${rival}_worker.py`);
  const full = JSON.stringify({ ...task, settings: worker });
  return new Worker(`${rival} ${name} ${task.name}`, python, [program, full], {
    ...environmentOf(rival, { threads: task.threads, isa }),
    ...env,
  });
}
