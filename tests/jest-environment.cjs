'use strict';

// A Node test environment whose built-in classes are the process's own: values made by the addon belong to the
// outer realm, so without this `instanceof Float32Array` and `toThrow(TypeError)` fail inside Jest.
const { TestEnvironment } = require('jest-environment-node');

const errors = [
  Error,
  TypeError,
  RangeError,
  SyntaxError,
  ReferenceError,
  EvalError,
  URIError,
  AggregateError,
];
const buffers = [ArrayBuffer, SharedArrayBuffer, DataView];
const arrays = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
];

module.exports = class OuterRealmEnvironment extends TestEnvironment {
  async setup() {
    await super.setup();
    for (const type of [...errors, ...buffers, ...arrays]) this.global[type.name] = type;
  }
};
