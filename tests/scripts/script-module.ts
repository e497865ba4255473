// Calls functions of the scripts' modules, which are ESM: in a Node of their own, with what JSON can say,
// bytes and maps.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './source-tree';

const harness = `
const read = (_, value) => {
  if (value?.$bytes !== undefined) return Buffer.from(value.$bytes, 'base64');
  return value?.$map ? new Map(value.$map) : value;
};
const write = (_, value) => (value instanceof Map ? [...value] : value);
const [url, name] = process.argv.slice(1);
const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const member = (await import(url))[name];
try {
  const result = typeof member === 'function' ? member(...JSON.parse(Buffer.concat(chunks), read)) : member;
  console.log(JSON.stringify({ result }, write));
} catch (error) {
  console.log(JSON.stringify({ error: error.message }));
}
`;

export const bytes = (data: Uint8Array): unknown => ({ $bytes: Buffer.from(data).toString('base64') });
export const map = (entries: readonly (readonly [unknown, unknown])[]): unknown => ({ $map: entries });

/** What the function, or the constant, `name` of scripts/<module> gives; maps come back as entries. */
export function call<T>(module: string, name: string, ...given: unknown[]): T {
  const url = pathToFileURL(path.join(root, 'scripts', module)).href;
  const args = ['--input-type=module', '--eval', harness, url, name];
  const { stdout, stderr } = spawnSync(process.execPath, args, {
    input: JSON.stringify(given),
    encoding: 'utf8',
  });
  if (stdout === '') throw new Error(stderr);
  const { result, error } = JSON.parse(stdout) as { result?: T; error?: string };
  if (error !== undefined) throw new Error(error);
  return result as T;
}
