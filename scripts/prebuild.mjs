// Makes prebuilds/<platform>-<arch>/hebb.glibc.node, the binary that the package ships; with HEBB_CUDA=ON in the environment
// also the CUDA library, which the addon looks for beside itself.
import { copyFileSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { buildCuda, cudaLibrary } from './build.mjs';
import { isMain, root, run, runTool } from './process.mjs';
import { installCommand, missingPackages } from './toolchain.mjs';

/** Puts the CUDA library beside the addon. */
async function addCuda(folder) {
  const built = await buildCuda();
  if (built.code !== 0) return built;
  const file = path.join(folder, path.basename(cudaLibrary));
  copyFileSync(path.join(root, cudaLibrary), path.join(root, file));
  const stripped = await run('strip', ['--strip-unneeded', file]);
  return stripped.code === 0 ? { ...built, file } : stripped;
}

/** Resolves to `{ code, output, files }`, `files` being the paths of the binaries from the root, the addon first. */
export async function prebuild({ stream = false, cuda = process.env.HEBB_CUDA === 'ON' } = {}) {
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
  const folder = path.join('prebuilds', `${process.platform}-${process.arch}`);
  const addons = readdirSync(path.join(root, folder)).filter(name => name.endsWith('.node'));
  if (addons.length !== 1) {
    const output = `prebuild: ${folder} holds ${addons.join(', ')}; it must hold one .node file\n`;
    return { code: 1, output };
  }
  const addon = path.join(folder, addons[0]);
  if (!cuda) return { ...result, files: [addon] };
  const library = await addCuda(folder);
  return library.code === 0 ? { ...result, files: [addon, library.file] } : library;
}

if (isMain(import.meta.url)) {
  const { code, output, files } = await prebuild({ stream: true });
  process.stdout.write(code === 0 ? `${files.join('\n')}\n` : output);
  process.exitCode = code;
}
