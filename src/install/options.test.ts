import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseCommand } from './options.ts'

test('up without options decides everything itself', () => {
  assert.deepEqual(parseCommand(['up']), {
    name: 'up',
    options: { domain: null, clusterAddress: null, images: null, mirror: null, hello: true },
  })
})

test('options of up are parsed at the edge', () => {
  const command = parseCommand(['up', '--domain', 'apps.example.com', '--no-hello', '--images', 'x.tar'])
  assert.ok(command.name === 'up' && command.options.domain === 'apps.example.com' && !command.options.hello)
  for (const bad of [
    ['--domain', 'a b'],
    ['--domain', '$(touch x)'],
    ['--mirror', 'ftp://x'],
    ['--nonsense'],
    ['extra'],
  ])
    assert.throws(() => parseCommand(['up', ...bad]), { code: 'invalid-input' })
})

test('down keeps data unless both words are said', () => {
  assert.deepEqual(parseCommand(['down']), { name: 'down', options: { purge: false, yes: false } })
  assert.deepEqual(parseCommand(['down', '--purge', '--yes']), { name: 'down', options: { purge: true, yes: true } })
})
