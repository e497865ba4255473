// Lint rules of the TypeScript sources, the tests and the scripts.
import importX from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

const builtins =
  'Array|ArrayBuffer|SharedArrayBuffer|Map|Set|Promise|Error|Int8Array|Uint8Array|Uint8ClampedArray|' +
  'Int16Array|Uint16Array|Int32Array|Uint32Array|Float32Array|Float64Array|BigInt64Array|BigUint64Array';

export default tseslint.config(
  { ignores: ['build*/', 'dist/', 'prebuilds/', 'out/', 'coverage/', 'shared/', '**/.venv/', '**/*.gen.ts'] },
  {
    files: ['ts/**/*.ts', 'tests/**/*.ts', 'examples/**/*.mts'],
    extends: [...tseslint.configs.recommended],
    plugins: { 'import-x': importX },
    languageOptions: {
      parserOptions: { project: './tsconfig.test.json', tsconfigRootDir: import.meta.dirname },
    },
    settings: {
      'import-x/extensions': ['.ts'],
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts'] },
      'import-x/resolver': { node: { extensions: ['.ts', '.js'] } },
    },
    rules: {
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      'import-x/no-cycle': 'error',
      'max-params': ['error', 5],
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-restricted-syntax': [
        'error',
        {
          selector: 'TSAsExpression > TSAsExpression > TSUnknownKeyword',
          message: 'no double cast through unknown: give the value its type where it is made',
        },
      ],
    },
  },
  {
    files: ['ts/**/*.ts'],
    rules: {
      'no-console': 'error',
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
      'no-restricted-syntax': [
        'error',
        {
          selector: 'TSAsExpression > TSAsExpression > TSUnknownKeyword',
          message: 'no double cast through unknown: give the value its type where it is made',
        },
        {
          selector: `BinaryExpression[operator='instanceof'][right.name=/^(${builtins})$/]`,
          message:
            'built-ins of another realm fail instanceof: use ArrayBuffer.isView, Array.isArray or node:util types',
        },
      ],
    },
  },
  { files: ['ts/cli/**/*.ts'], rules: { 'no-console': 'off' } },
  { files: ['ts/native.ts'], rules: { '@typescript-eslint/no-require-imports': 'off' } },
  {
    files: ['ts/**/*.ts'],
    ignores: ['ts/native.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { paths: [{ name: 'node-gyp-build', message: 'only ts/native.ts loads the addon' }] },
      ],
    },
  },
  {
    files: ['**/*.mjs', '**/*.cjs', '**/*.js'],
    extends: [tseslint.configs.base],
    rules: {
      'no-unused-vars': 'error',
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'prefer-const': 'error',
    },
  },
);
