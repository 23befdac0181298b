import assert from 'node:assert/strict'
import { test } from 'node:test'
import { offeredVersion, wantsLiveRestore } from './engine-check.ts'

test('an engine that is newer than the installed one is offered, and of one that is not a package nothing is said', () => {
  const policy = (installed: string, candidate: string) =>
    `docker.io:\n  Installed: ${installed}\n  Candidate: ${candidate}\n  Version table:\n`
  assert.equal(offeredVersion(policy('26.1.5+dfsg1-9+b1', '26.1.5+dfsg1-9+b2')), '26.1.5+dfsg1-9+b2')
  assert.equal(offeredVersion(policy('26.1.5+dfsg1-9', '26.1.5+dfsg1-9')), null)
  assert.equal(offeredVersion(policy('(none)', '26.1.5+dfsg1-9')), null)
  assert.equal(offeredVersion(''), null)
})

test('live-restore is found where it is on', () => {
  assert.equal(wantsLiveRestore('{ "live-restore": true }'), true)
  assert.equal(wantsLiveRestore('{\n  "debug": true,\n  "live-restore" : true\n}'), true)
  assert.equal(wantsLiveRestore('{ "live-restore": false, "debug": true }'), false)
  assert.equal(wantsLiveRestore(''), false)
})
