import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaults } from './defaults.ts'
import { defaultLimits, fixedLimits, formatAmount, limitNames, parseLimit, parseLimitName, rules } from './limits.ts'

test('every default of the platform is either settable or fixed with a reason, and holds its own bounds', () => {
  const platform = Object.keys(defaults).filter(name => name !== 'settings')
  assert.deepEqual([...limitNames, ...Object.keys(fixedLimits)].sort(), platform.sort())
  for (const name of limitNames) {
    const { least, most } = rules[name]
    assert.ok(defaultLimits[name] >= least && defaultLimits[name] <= most, name)
    assert.equal(parseLimit(name, String(defaultLimits[name])), defaultLimits[name])
  }
})

test('a value is a number within bounds; bytes may be given in powers of 1024', () => {
  assert.equal(parseLimit('tmpBytes', '256M'), 256 * 1024 ** 2)
  assert.equal(parseLimit('buildMemory', '1.5G'), 1.5 * 1024 ** 3)
  assert.equal(parseLimit('buildCpus', '0.5'), 0.5)
  for (const text of ['', '-1', '1e9', '12.5', '1K', ' 64', '64 ', '15', '70000', 'many', 'Infinity'])
    assert.throws(() => parseLimit('pids', text), {
      code: 'invalid-input',
      hint: 'It is a whole number from 16 to 65536.',
    })
  assert.throws(() => parseLimit('tmpBytes', '1K'), { hint: /256M, 2G, from 1 MiB to 64 GiB/ })
})

test('what is no limit is told where it belongs', () => {
  assert.equal(parseLimitName('pids'), 'pids')
  assert.throws(() => parseLimitName('leaseMs'), /leaseMs is fixed: all parts of the platform must agree/)
  assert.throws(() => parseLimitName('memory'), { hint: /lading.yaml/ })
  assert.throws(() => parseLimitName('__proto__'), { hint: /"lading limits" lists them/ })
})

test('values are told as people read them', () => {
  assert.deepEqual(
    [
      formatAmount(2 * 1024 ** 3, 'bytes'),
      formatAmount(65536, 'bytes'),
      formatAmount(0, 'bytes'),
      formatAmount(90, 'seconds'),
    ],
    ['2 GiB', '64 KiB', '0', '90 s'],
  )
  assert.deepEqual(
    [formatAmount(3600, 'seconds'), formatAmount(1.5, 'CPUs'), formatAmount(0.25, 'share')],
    ['60 min', '1.5 CPUs', '0.25'],
  )
})
