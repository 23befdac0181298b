import sax from 'sax'
import type { TestCounts } from '../../core/release.ts'
import { Counter } from './counts.ts'

/**
 * JUnit's XML, as all test runners write it: of each `testcase` whether it has a `failure`, an `error` or is `skipped`. Read event by
 * event; entities are not expanded. Null: it is not XML, or there is no test in it. What comes after an error in it is not read.
 */
export function readJunit(text: string): TestCounts | null {
  const counter = new Counter()
  const parser = sax.parser(true)
  let test: { readonly name: string; how: 'passed' | 'failed' | 'skipped' } | null = null
  parser.onopentag = tag => {
    const { name, attributes } = tag as sax.Tag
    if (name === 'testcase') {
      const whole = [attributes['classname'], attributes['name']].filter(one => one !== undefined && one !== '')
      test = { name: whole.join(' › '), how: 'passed' }
    } else if (test !== null && (name === 'failure' || name === 'error')) test.how = 'failed'
    else if (test !== null && name === 'skipped' && test.how === 'passed') test.how = 'skipped'
  }
  parser.onclosetag = name => {
    if (name !== 'testcase' || test === null) return
    counter.add(test.how, test.name)
    test = null
  }
  try {
    parser.write(text).close()
  } catch {
    return null
  }
  return counter.counts()
}
