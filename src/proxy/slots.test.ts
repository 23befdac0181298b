import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { nextRested, planLane, restedSlots, restMs, type LaneView, type Slot, type Occupant } from './slots.ts'

const a: Occupant = { container: 'a', address: '10.0.0.1:1001' }
const b: Occupant = { container: 'b', address: '10.0.0.1:1002' }

function plan(view: Partial<LaneView>) {
  return planLane({ slots: restedSlots(4), running: [], stopping: new Set(), wanted: 1, now: 10_000, ...view })
}

void suite('the slots of a lane', () => {
  test('a fresh lane arms as many slots as it wants processes', () => {
    assert.deepEqual(plan({ wanted: 2 }).steps, [
      { kind: 'arm', slot: 0 },
      { kind: 'arm', slot: 1 },
    ])
  })

  test('a process goes into the slot that was armed first, and nothing more is armed for it', () => {
    const slots: Slot[] = [{ kind: 'armed', since: 9000 }, { kind: 'armed', since: 8000 }, ...restedSlots(2)]
    const { steps, slots: next } = plan({ slots, running: [a], wanted: 2 })
    assert.deepEqual(steps, [{ kind: 'place', slot: 1, address: a.address, armed: true }])
    assert.deepEqual(next[1], { kind: 'checking', occupant: a, since: 10_000 })
  })

  test('without an armed slot a rested one is armed and taken in one breath', () => {
    assert.deepEqual(plan({ running: [a] }).steps, [{ kind: 'place', slot: 0, address: a.address, armed: false }])
  })

  test('a slot whose check may still be under way is not used again', () => {
    const slots: Slot[] = [{ kind: 'resting', since: 10_000 - restMs + 1 }]
    assert.deepEqual(plan({ slots, running: [a] }).steps, [])
    assert.equal(nextRested(slots, 10_000), 1)
    assert.equal(plan({ slots, running: [a], now: 10_001 }).steps.length, 1)
  })

  test('the slot of a container that is gone rests, and another one is armed for what will follow', () => {
    const slots: Slot[] = [{ kind: 'admitted', occupant: a, proven: true }, ...restedSlots(1)]
    assert.deepEqual(plan({ slots }).steps, [
      { kind: 'rest', slot: 0 },
      { kind: 'arm', slot: 1 },
    ])
  })

  test('a container that came back with another port is not the occupant any more', () => {
    const slots: Slot[] = [{ kind: 'admitted', occupant: a, proven: true }, ...restedSlots(1)]
    const moved = { ...a, address: '10.0.0.1:2000' }
    assert.deepEqual(plan({ slots, running: [moved] }).steps, [
      { kind: 'rest', slot: 0 },
      { kind: 'place', slot: 1, address: moved.address, armed: false },
    ])
  })

  test('a process that was told to stop gets nothing new, unless it is the last', () => {
    const one: Slot = { kind: 'admitted', occupant: a, proven: true }
    const other: Slot = { kind: 'admitted', occupant: b, proven: true }
    const stopping = new Set(['a'])
    assert.deepEqual(plan({ slots: [one, other], running: [a, b], stopping }).steps, [{ kind: 'leave', slot: 0 }])
    assert.deepEqual(plan({ slots: [one], running: [a], stopping }).steps, [])
  })

  test('a lane that is as it should be needs nothing', () => {
    const slots: Slot[] = [{ kind: 'admitted', occupant: a, proven: true }, ...restedSlots(3)]
    assert.deepEqual(plan({ slots, running: [a] }).steps, [])
  })
})
