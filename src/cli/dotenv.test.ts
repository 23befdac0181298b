import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatDotenv, parseDotenv } from './dotenv.ts'

test('a .env file is read as people write them', () => {
  const text = [
    '\uFEFF# a comment',
    'PLAIN=value',
    'export EXPORTED=yes',
    '  INDENTED = spaces around ',
    'EMPTY=',
    `URL=postgres://u:p@db:5432/x?a=b`,
    `SINGLE='a "b" #c $HOME \\n'`,
    'DOUBLE="one\\ntwo"',
    'KEY="-----BEGIN-----',
    'no equals sign here',
    '-----END-----"',
    'COMMENTED=on # since then',
  ].join('\r\n')
  assert.deepEqual(parseDotenv(text, '.env'), {
    PLAIN: 'value',
    EXPORTED: 'yes',
    INDENTED: 'spaces around',
    EMPTY: '',
    URL: 'postgres://u:p@db:5432/x?a=b',
    SINGLE: `a "b" #c $HOME \\n`,
    DOUBLE: 'one\ntwo',
    KEY: '-----BEGIN-----\nno equals sign here\n-----END-----',
    COMMENTED: 'on',
  })
})

test('nothing is dropped or cut in silence', () => {
  assert.throws(() => parseDotenv('A=1\nB 2\n', '.env'), /line 2 of \.env is not KEY=value/)
  assert.throws(() => parseDotenv("A='1\n2'\nnonsense\n", '.env'), /line 3 of/)
  assert.throws(() => parseDotenv('PASSWORD=se#cret\n', '.env'), /line 1 of \.env has a #/)
  assert.throws(() => parseDotenv('PASSWORD=a b#c\n', '.env'), /has a #/)
})

test('what is written for an editor reads back as it was, or is refused', () => {
  const values = {
    A: 'plain',
    B: 'two words',
    C: 'line\nline',
    D: `it's "so"`,
    E: '',
    F: ' ends ',
    G: '#1',
    H: '\\n',
    I: '$HOME',
    J: 'a=b',
    K: '"quoted"',
    L: 'trailing\\',
    M: "'",
  }
  assert.deepEqual(parseDotenv(formatDotenv(values), 'x'), values)
  assert.throws(() => formatDotenv({ ALL: `'"\`` }), /ALL has quotes of every kind/)
})
