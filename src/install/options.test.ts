import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serverCommands } from '../core/server-commands.ts'
import { parseCommand } from './options.ts'
import { asBefore } from './options/up.ts'

test('up without options decides everything itself', () => {
  assert.deepEqual(parseCommand(['up']), {
    name: 'up',
    options: { ...asBefore, hello: true },
  })
})

test('options of up are parsed at the edge', () => {
  const command = parseCommand(['up', '--domain', 'apps.example.com', '--no-hello', '--images', 'x.tar'])
  assert.ok(command.name === 'up' && command.options.domain === 'apps.example.com' && !command.options.hello)
  for (const bad of [
    ['--domain', 'a b'],
    ['--domain', '$(touch x)'],
    ['--mirror', 'ftp://x'],
    ['--patience', '0'],
    ['--patience', '1m'],
    ['--proxy', 'ftp://x'],
    ['--proxy', 'a b'],
    ['--private-networks', 'open'],
    ['--private-networks', 'allow,10.0.0.0/8 accept'],
    ['--nonsense'],
    ['extra'],
  ])
    assert.throws(() => parseCommand(['up', ...bad]), { code: 'invalid-input' })
})

test('upgrade leaves what was decided, and takes where images come from', () => {
  const command = parseCommand(['upgrade', '--images', 'x.tar', '--patience', '300'])
  assert.deepEqual(command, { name: 'upgrade', options: { ...asBefore, images: 'x.tar', patience: 300 } })
  assert.throws(() => parseCommand(['upgrade', '--domain', 'a.example']), { code: 'invalid-input' })
})

test('the address by which nodes reach it has two names, the proxy may leave out its scheme', () => {
  const optionsOf = (...args: string[]) => {
    const command = parseCommand(['up', ...args])
    return command.name === 'up' ? command.options : null
  }
  for (const name of ['--advertise', '--cluster-address'])
    assert.equal(optionsOf(name, '10.0.0.5')?.clusterAddress, '10.0.0.5')
  assert.equal(optionsOf('--proxy', 'proxy:3128')?.proxy, 'http://proxy:3128')
  assert.equal(optionsOf('--proxy', 'none')?.proxy, 'none')
  assert.equal(optionsOf('--private-networks', 'allow, 10.0.0.9')?.privateNetworks, 'allow,10.0.0.9')
  assert.equal(optionsOf('--balancers', '192.0.2.7, 2001:db8::/48')?.balancers, '192.0.2.7,2001:db8::/48')
  assert.throws(() => optionsOf('--balancers', '192.0.2.7 reject'), { code: 'invalid-input' })
})

test('down keeps data unless both words are said', () => {
  assert.deepEqual(parseCommand(['down']), { name: 'down', options: { purge: false, yes: false } })
  assert.deepEqual(parseCommand(['down', '--purge', '--yes']), { name: 'down', options: { purge: true, yes: true } })
})

test('every command prints its page, whatever else was typed; what is not understood names the page', () => {
  for (const args of [
    ['up', '--help'],
    ['up', '--domain', 'x', '-h'],
    ['down', '--help'],
    ['doctor', '--help'],
    ['boot', '-h'],
    ['images', 'save', '--help'],
  ]) {
    const command = parseCommand(args)
    assert.ok(command.name === 'help', args.join(' '))
    assert.match(
      command.page,
      new RegExp(`^Usage: lading ${args[0]}.*\\n\\n[^]*\\nExamples?:\\n  \\$ lading ${args[0]}`),
    )
  }
  assert.throws(() => parseCommand(['down', '--all']), { hint: '"lading down --help" tells more.' })
  assert.throws(() => parseCommand(['dwon']), {
    hint: /lading up, lading upgrade, lading down, lading doctor, lading backup, lading restore, lading rotate, lading boot, lading images/,
  })
})

test('the pages name every option that is parsed, and no other', () => {
  const taken = [
    '--domain=a.example',
    '--advertise=10.0.0.1',
    '--images=x',
    '--mirror=http://x',
    '--proxy=http://x',
    '--private-networks=deny-own',
    '--balancers=192.0.2.7',
    '--patience=60',
    '--no-hello',
    '--check',
  ]
  parseCommand(['up', ...taken])
  parseCommand(['down', '--purge', '--yes'])
  const named = (options: object) => Object.keys(options).map(option => option.split(' ')[0])
  assert.deepEqual(
    named(serverCommands.up.options),
    taken.map(option => option.split('=')[0]),
  )
  const upgrade = ['--images=x', '--mirror=http://x', '--patience=60']
  parseCommand(['upgrade', ...upgrade])
  assert.deepEqual(
    named(serverCommands.upgrade.options),
    upgrade.map(option => option.split('=')[0]),
  )
  assert.deepEqual(named(serverCommands.down.options), ['--purge', '--yes'])
  parseCommand(['doctor', '--json', '--bundle', 'x.tar.gz'])
  assert.deepEqual(named(serverCommands.doctor.options), ['--json', '--bundle'])
})

test('what "backup" is told is one thing to do, and options that do not belong to it are refused', () => {
  const parsed = (...args: string[]) => {
    const command = parseCommand(['backup', ...args])
    return command.name === 'backup' ? command.command : null
  }
  assert.deepEqual(parsed(), { do: 'now', json: false })
  assert.deepEqual(parsed('--to', '-', '--passphrase-file', 'p'), {
    do: 'to',
    to: '-',
    passphraseFile: 'p',
    json: false,
  })
  assert.deepEqual(parsed('ls', '--json'), { do: 'ls', json: true })
  assert.deepEqual(parsed('verify', 'a.age'), { do: 'verify', file: 'a.age', passphraseFile: null, json: false })
  assert.deepEqual(parsed('schedule'), { do: 'schedule', change: {}, s3: null, json: false })
  assert.deepEqual(
    parsed('schedule', '--to', 's3://b/x', '--endpoint', 'https://s3.example.com', '--credentials', 'f'),
    {
      do: 'schedule',
      change: { to: 's3://b/x' },
      s3: { endpoint: 'https://s3.example.com', region: 'us-east-1', credentials: 'f' },
      json: false,
    },
  )
  assert.deepEqual(parsed('schedule', '--off', '--every', '6', '--keep', '28', '--to', '/var/backups/x'), {
    do: 'schedule',
    change: { on: false, to: '/var/backups/x', everyHours: 6, keep: 28 },
    s3: null,
    json: false,
  })
  for (const wrong of [
    ['verify'],
    ['verify', 'a', 'b'],
    ['ls', 'x'],
    ['--keep', '3'],
    ['--passphrase-file', 'p'],
    ['schedule', '--on', '--off'],
    ['schedule', '--every', '0'],
    ['schedule', '--every', '1h'],
    ['schedule', '--endpoint', 'https://s3.example.com'],
    ['everything'],
  ])
    assert.throws(() => parsed(...wrong), { code: 'invalid-input' }, wrong.join(' '))
  assert.throws(() => parseCommand(['restore']), { message: 'which backup?' })
  assert.throws(() => parseCommand(['restore', 'a', 'b']), { code: 'invalid-input' })
})
