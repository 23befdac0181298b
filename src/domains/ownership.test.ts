import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { AppError } from '../core/errors.ts'
import { parseAppName, parseDomainName, production } from '../core/names.ts'
import { type Answer, createAsk, NoAddress } from './ask.ts'
import { Ownership } from './ownership.ts'

const shop = { app: parseAppName('shop'), environment: production }
const thief = { app: parseAppName('thief'), environment: production }
const signal = AbortSignal.timeout(30_000)

/** Who answers at a name, and what its DNS says. */
function world({ answer, texts = {} }: { answer: (token: string) => Answer; texts?: Record<string, string[]> }) {
  const challenges = new Set<string>()
  let tokens = 0
  const ownership = (platform = 'one') =>
    new Ownership({
      edges: {
        challenge: async (token, text) => void (text === null ? challenges.delete(token) : challenges.add(token)),
      },
      ids: { hex: () => `token${++tokens}` },
      ask: async ({ url }) => {
        const token = url.split('/').at(-1) ?? ''
        assert.ok(challenges.has(token))
        return answer(token)
      },
      readTxt: async record => texts[record] ?? [],
      platform,
    })
  return { ownership, challenges, texts }
}

const unreachable = (): Answer => {
  throw new AppError('unavailable', 'it cannot be reached: nothing listens there')
}
const status = (status: number, text: string): Answer => ({ status, headers: {}, text })

void suite('a foreign name', () => {
  const name = parseDomainName('shop.example.com')
  const wild = parseDomainName('*.example.com')

  test('is proven by leading here', async () => {
    const { ownership, challenges } = world({ answer: token => status(200, `${token}\n`) })
    await ownership().assert(name, shop, signal)
    assert.equal(challenges.size, 0)
    await assert.rejects(ownership().assert(wild, shop, signal), /not proven to be yours: there is no _lading/)
  })

  test('is not proven by what leads elsewhere, and nothing is told of what answers there', async () => {
    const answers: ((token: string) => Answer)[] = [
      unreachable,
      () => status(200, ''),
      () => status(200, 'token'),
      () => status(302, 'token1'),
    ]
    answers.push(
      token => status(500, token),
      () => status(401, 'internal panel 10.0.0.7'),
    )
    const refusals = new Set<string>()
    for (const answer of answers) {
      const { ownership, challenges } = world({ answer })
      await ownership()
        .assert(name, shop, signal)
        .then(
          () => assert.fail('it was taken'),
          (error: AppError) => refusals.add(`${error.code} ${error.message} ${error.hint}`),
        )
      assert.equal(challenges.size, 0)
    }
    assert.equal(refusals.size, 1)
    assert.match([...refusals].join(), /^not-allowed shop.example.com is not proven to be yours: .* does not lead here/)
  })

  test('that has no address is told so, and nothing else is, whatever its sentence says', async () => {
    const why = async (error: Error) => {
      const answer = (): Answer => {
        throw error
      }
      return world({ answer })
        .ownership()
        .assert(name, shop, signal)
        .then(
          () => assert.fail('it was taken'),
          (refusal: AppError) => refusal.message.replace(/.*: (?!\/\/)/, ''),
        )
    }
    assert.equal(await why(new NoAddress(name)), 'shop.example.com has no address')
    const other = new AppError('unavailable', 'it cannot be reached: the proxy that it names has no address')
    assert.equal(await why(other), 'http://shop.example.com/ does not lead here')
    // No resolver is asked for a label that is too long to be one.
    const url = `http://${'a'.repeat(64)}.example.com/`
    await assert.rejects(createAsk('test')({ method: 'GET', url, isInternal: true }, signal), NoAddress)
    await assert.rejects(createAsk('test')({ method: 'GET', url }, signal), NoAddress)
  })

  test('is proven by its record in DNS, to one environment of one platform', async () => {
    const { ownership, texts } = world({ answer: unreachable })
    for (const one of [name, wild]) {
      const { record, value } = ownership().record(one, shop)
      texts[record] = ['v=spf1 -all', value]
      await ownership().assert(one, shop, signal)
      await assert.rejects(ownership().assert(one, thief, signal), /not proven/)
      await assert.rejects(ownership('two').assert(one, shop, signal), /not proven/)
      texts[record] = [`${value}0`, value.slice(0, -1), '']
      await assert.rejects(ownership().assert(one, shop, signal), (error: AppError) => {
        assert.ok(error.hint?.includes(`${record} TXT "${value}"`))
        return true
      })
    }
  })
})
