import tseslint from 'typescript-eslint'

const clockMessage = 'Time, timers and chance come through core/clock.ts, so that the simulation can own them.'

export default tseslint.config(
  { ignores: ['node_modules', 'dist', '.cache', 'test/fixtures', 'examples', 'images', '**/*.mjs', '**/*.js'] },
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      '@typescript-eslint/only-throw-error': 'off',
      '@typescript-eslint/prefer-promise-reject-errors': 'off',
      '@typescript-eslint/require-await': 'off',
      'no-restricted-imports': [
        'error',
        { patterns: [{ group: ['child_process'], message: 'Use node:child_process spawn with an argument array.' }] },
      ],
      'no-restricted-syntax': [
        'error',
        {
          selector: 'CallExpression[callee.name=/^(exec|execSync)$/]',
          message: 'No shell text (law 6): spawn with an argument array.',
        },
        { selector: "Property[key.name='shell']", message: 'No shell text (law 6).' },
      ],
    },
  },
  {
    // What the simulation runs must not touch the real clock, timers or chance.
    files: ['src/{core,commit,build,verify,release,run,pipeline,store,api,access,observe,cluster}/**/*.ts'],
    ignores: ['**/*.test.ts'],
    rules: {
      'no-restricted-globals': [
        'error',
        ...['setTimeout', 'setInterval', 'performance'].map(name => ({ name, message: clockMessage })),
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: clockMessage },
        { object: 'Math', property: 'random', message: clockMessage },
        { object: 'process', property: 'env', message: 'Only the four roots read process.env.' },
      ],
    },
  },
  {
    files: ['**/*.test.ts', 'test/**/*.ts', 'bench/**/*.ts'],
    rules: {
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            { from: 'package', name: ['test', 'it', 'describe', 'suite'], package: 'node:test' },
          ],
        },
      ],
    },
  },
)
