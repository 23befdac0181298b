import tseslint from 'typescript-eslint'

const clockMessage = 'Time, timers and chance come through core/clock.ts, so that the simulation can own them.'
const clockProperties = [
  { object: 'Date', property: 'now', message: clockMessage },
  { object: 'Math', property: 'random', message: clockMessage },
]
const timers = {
  group: ['timers', 'timers/promises', 'node:timers', 'node:timers/promises'],
  message: clockMessage,
}
const chance = ['crypto', 'node:crypto'].map(name => ({
  name,
  importNames: [
    'default',
    'webcrypto',
    'getRandomValues',
    ...['Bytes', 'Fill', 'FillSync', 'Int', 'UUID'].map(what => `random${what}`),
  ],
  message: clockMessage,
}))
const childProcesses = { group: ['child_process'], message: 'Use node:child_process spawn with an argument array.' }
const shellText = [
  {
    selector: 'CallExpression[callee.name=/^(exec|execSync)$/]',
    message: 'No shell text (law: no-shell-text): spawn with an argument array.',
  },
  { selector: "Property[key.name='shell']", message: 'No shell text (law: no-shell-text).' },
]

const dates = [
  { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: clockMessage },
  { selector: "CallExpression[callee.name='Date']", message: clockMessage },
]

const printerMessage =
  'Printing goes through src/cli/terminal.ts, on the server through src/install/printer.ts: what others wrote is shown there, and never obeyed.'
const printers = [
  { selector: "MemberExpression[object.name='process'][property.name=/^(stdout|stderr)$/]", message: printerMessage },
  { selector: "MemberExpression[object.name='process'][property.value=/^(stdout|stderr)$/]", message: printerMessage },
  {
    selector: "VariableDeclarator[init.name='process'] Property[key.name=/^(stdout|stderr)$/]",
    message: printerMessage,
  },
  { selector: 'CallExpression[callee.property.name=/^(writeSync|_rawDebug)$/]', message: printerMessage },
  { selector: "CallExpression[callee.name='writeSync']", message: printerMessage },
  {
    selector: "Literal[value='inherit']",
    message: 'A child that inherits our streams prints past the printer.',
  },
  { selector: "Literal[value='/dev/tty']", message: printerMessage },
]
const printingModules = [
  'process',
  'node:process',
  'readline',
  'node:readline',
  'readline/promises',
  'node:readline/promises',
]

/** In a root that prints: only its printer writes to the terminal. `chances`: what else may not be imported. */
function onlyThePrinterPrints(chances = []) {
  return {
    'no-console': 'error',
    'no-restricted-syntax': ['error', ...shellText, ...dates, ...printers],
    'no-restricted-imports': [
      'error',
      {
        patterns: [childProcesses, timers],
        paths: [...chances, ...printingModules.map(name => ({ name, message: printerMessage }))],
      },
    ],
  }
}

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
      'no-restricted-imports': ['error', { patterns: [childProcesses] }],
      'no-restricted-syntax': ['error', ...shellText],
    },
  },
  {
    // The real clock, timers and chance have one adapter, core/system.ts, which says so itself.
    files: ['src/**/*.ts'],
    ignores: ['**/*.test.ts'],
    rules: {
      'no-restricted-globals': [
        'error',
        ...['setTimeout', 'setInterval', 'setImmediate', 'performance', 'crypto'].map(name => ({
          name,
          message: clockMessage,
        })),
      ],
      'no-restricted-imports': ['error', { patterns: [childProcesses, timers], paths: chance }],
      'no-restricted-syntax': ['error', ...shellText, ...dates],
      'no-restricted-properties': ['error', ...clockProperties],
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['**/*.test.ts', 'src/*/config.ts', 'src/*/test-*.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        ...clockProperties,
        { object: 'process', property: 'env', message: 'Only the roots read process.env.' },
      ],
    },
  },
  {
    // Not the printer itself, the root that gives it its streams, and the program that writes a page of the documents.
    files: ['src/cli/**/*.ts'],
    ignores: [
      '**/*.test.ts',
      'src/cli/terminal.ts',
      'src/cli/main.ts',
      'src/cli/reference.ts',
      'test/doubles/cli-rig.ts',
    ],
    rules: onlyThePrinterPrints(chance),
  },
  {
    // Never simulated, and it makes the platform's own secrets.
    files: ['src/install/**/*.ts'],
    ignores: ['**/*.test.ts'],
    rules: { 'no-restricted-imports': ['error', { patterns: [childProcesses, timers] }] },
  },
  {
    // Not the printer itself, and the lines of progress, to which it gives its stream.
    files: ['src/install/**/*.ts'],
    ignores: ['**/*.test.ts', 'src/install/printer.ts', 'src/install/steps/progress.ts'],
    rules: onlyThePrinterPrints(),
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
