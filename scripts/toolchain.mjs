// Finds the programs that a native build needs and names the one command that installs those missing.
import { accessSync, constants, readFileSync } from 'node:fs';
import path from 'node:path';
import { isMain } from './process.mjs';

// Each row is met by any of its programs; the package is Debian's.
const needs = [
  { programs: ['cmake'], package: 'cmake' },
  { programs: ['g++', 'c++', 'clang++'], package: 'g++' },
  { programs: ['ninja', 'make'], package: 'make' },
];

export function findProgram(name) {
  for (const folder of (process.env.PATH ?? '').split(path.delimiter)) {
    try {
      accessSync(path.join(folder, name), constants.X_OK);
      return path.join(folder, name);
    } catch {
      continue;
    }
  }
  return null;
}

/** Debian's names of the packages that are missing for a native build. */
export function missingPackages() {
  return needs.filter(need => !need.programs.some(findProgram)).map(need => need.package);
}

/** True on Debian and its descendants. */
export function hasApt() {
  return findProgram('apt-get') !== null;
}

/** The command that installs the packages on this system, in one line. */
export function installCommand(packages) {
  if (hasApt()) {
    const sudo = process.getuid?.() === 0 ? '' : 'sudo ';
    return `${sudo}apt-get update && ${sudo}apt-get install -y ${packages.join(' ')}`;
  }
  let release = '';
  try {
    release = readFileSync('/etc/os-release', 'utf8');
  } catch {
    release = '';
  }
  const fedora = packages.map(name => (name === 'g++' ? 'gcc-c++' : name)).join(' ');
  if (/^ID(_LIKE)?=.*(fedora|rhel|centos)/m.test(release)) return `sudo dnf install -y ${fedora}`;
  if (/^ID(_LIKE)?=.*alpine/m.test(release)) return `apk add ${packages.join(' ')}`;
  return `install ${packages.join(', ')} with the package manager of this system`;
}

if (isMain(import.meta.url)) {
  const missing = missingPackages();
  if (missing.length > 0) {
    console.error(`build: ${missing.join(', ')} not found; run: ${installCommand(missing)}`);
    process.exitCode = 1;
  }
}
