// The Jest environment: values of the outer realm, such as those the addon makes, are instances of the built-ins here.
import { readFileSync } from 'node:fs';
import v8 from 'node:v8';
import vm from 'node:vm';

test('an array made by Node is a Float32Array of this realm', () => {
  const copy: unknown = v8.deserialize(v8.serialize(new Float32Array([1, 2])));
  expect(copy instanceof Float32Array).toBe(true);
});

test('an error thrown by Node is an Error of this realm', () => {
  expect(() => readFileSync('no such file')).toThrow(Error);
  expect(() => new vm.Script('(')).toThrow(SyntaxError);
});
