import { Random } from './random.ts'

/** Of each parser, the same ones at each run: the seed is the test's. */
const inputs = 10_000

/** Texts put together from the pieces of a language, the same for the same seed; some pieces come hundreds of times. */
export function* puzzles(pieces: readonly string[], seed: number): Generator<string> {
  const random = new Random(seed)
  for (let n = 0; n < inputs; n++) {
    const parts = Array.from({ length: random.between(1, 60) }, () => {
      const piece = random.pick(pieces)
      return random.between(1, 50) === 1 ? piece.repeat(random.between(1, 300)) : piece
    })
    yield parts.join('')
  }
}
