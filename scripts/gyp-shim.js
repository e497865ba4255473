#!/usr/bin/env node
'use strict';

// Stands in for node-gyp under prebuildify, which drives nothing else: `rebuild --target=V --arch=A ...` becomes a
// cmake-js build, which leaves hebb.node where prebuildify looks for it, in build/Release.
const { spawnSync } = require('node:child_process');

const args = process.argv
  .slice(3)
  .filter(word => /^--(arch|debug)/.test(word))
  .flatMap(word => word.split('='));
const builder = require.resolve('cmake-js/bin/cmake-js');
const { status } = spawnSync(process.execPath, [builder, 'build', ...args], { stdio: 'inherit' });
process.exit(status ?? 1);
