// Runs child processes for the other scripts: output captured or passed through, failure reported as a value.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

/** True when the module at `url` is the script that Node was started with. */
export function isMain(url) {
  return process.argv[1] !== undefined && path.resolve(process.argv[1]) === fileURLToPath(url);
}

/** Runs a program in the repository root; resolves to `{ code, output }`, with code 127 when it is not there. */
export function run(program, args, { cwd = root, env = {}, stream = false } = {}) {
  return new Promise(resolve => {
    const child = spawn(program, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', stream ? 'inherit' : 'pipe', stream ? 'inherit' : 'pipe'],
    });
    const chunks = [];
    child.stdout?.on('data', chunk => chunks.push(chunk));
    child.stderr?.on('data', chunk => chunks.push(chunk));
    child.on('error', error => resolve({ code: 127, output: `${program}: ${error.message}\n` }));
    child.on('close', (code, signal) => {
      const output = Buffer.concat(chunks).toString();
      resolve({ code: code ?? 1, output: signal ? `${output}${program}: ended by ${signal}\n` : output });
    });
  });
}

/** Runs a script of this project, or a command that a development dependency brings. */
export function runNode(script, args = [], options = {}) {
  return run(process.execPath, [script, ...args], options);
}

export function runTool(name, args = [], options = {}) {
  return run(path.join(root, 'node_modules', '.bin', name), args, options);
}
