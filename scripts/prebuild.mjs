// Makes prebuilds/<platform>-<arch>/hebb.glibc.node, the binary that the package ships.
import { readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { isMain, root, runTool } from './process.mjs';
import { installCommand, missingPackages } from './toolchain.mjs';

/** Resolves to `{ code, output, file }`, `file` being the binary's path from the root. */
export async function prebuild({ stream = false } = {}) {
  const missing = missingPackages();
  if (missing.length > 0) {
    return {
      code: 1,
      output: `prebuild: ${missing.join(', ')} not found; run: ${installCommand(missing)}\n`,
    };
  }
  rmSync(path.join(root, 'prebuilds'), { recursive: true, force: true });
  const env = { PREBUILD_NODE_GYP: path.join(root, 'scripts/gyp-shim.js') };
  const args = ['--napi', '--tag-libc', '--strip', '-t', process.versions.node];
  const result = await runTool('prebuildify', args, { env, stream });
  if (result.code !== 0) return result;
  const platform = `${process.platform}-${process.arch}`;
  const files = readdirSync(path.join(root, 'prebuilds', platform)).filter(name => name.endsWith('.node'));
  if (files.length === 1) return { ...result, file: path.join('prebuilds', platform, files[0]) };
  return {
    code: 1,
    output: `prebuild: prebuilds/${platform} holds ${files.join(', ')}; it must hold one .node file\n`,
  };
}

if (isMain(import.meta.url)) {
  const { code, output, file } = await prebuild({ stream: true });
  process.stdout.write(code === 0 ? `${file}\n` : output);
  process.exitCode = code;
}
