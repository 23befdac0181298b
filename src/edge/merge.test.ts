import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { parseAppName, parseHostName, parseNodeName, production } from '../core/names.ts'
import type { EnvironmentView, ProcessView } from './edges.ts'
import { mergeStates, mergeViews } from './merge.ts'

const [one, two] = [parseNodeName('one'), parseNodeName('two')]

function process(changes: Partial<ProcessView> = {}): ProcessView {
  return {
    container: 'c1',
    node: one,
    release: 1,
    type: 'web',
    name: 'web.1',
    state: 'running',
    exitCode: null,
    outOfMemory: false,
    startedAt: 0,
    address: '10.0.0.1:1000',
    proof: 'proven',
    lastCheck: null,
    ...changes,
  }
}

function view(processes: readonly ProcessView[], inFlight: EnvironmentView['inFlight'] = {}): EnvironmentView {
  return { processes, inFlight }
}

void suite('the word of several keepers', () => {
  test('nothing is known before one has spoken', () => {
    assert.equal(mergeViews([{ node: one, view: null }]), null)
  })

  test('one keeper is taken as it is', () => {
    const said = view([process(), process({ container: 'w', proof: 'none' })], { 1: 4 })
    assert.deepEqual(mergeViews([{ node: one, view: said }]), said)
  })

  test('proof counts when every edge has it', () => {
    const proof = (...proofs: (ProcessView['proof'] | null)[]) =>
      mergeViews(
        proofs.map((each, at) => ({
          node: at === 0 ? one : two,
          view: each === null ? null : view([process({ proof: each })]),
        })),
      )?.processes[0]?.proof
    assert.equal(proof('proven', 'proven'), 'proven')
    assert.equal(proof('proven', 'checking'), 'checking')
    assert.equal(proof('proven', 'none'), 'checking')
    assert.equal(proof('proven', 'down'), 'down')
    assert.equal(proof('proven', null), 'checking')
    assert.equal(proof('none', 'none'), 'none')
  })

  test('facts come from the node that runs the process, requests in flight are added', () => {
    const merged = mergeViews([
      { node: two, view: view([process({ state: 'running' })], { 1: 2 }) },
      { node: one, view: view([process({ state: 'exited', exitCode: 3 })], { 1: 5, 2: 1 }) },
    ])
    assert.equal(merged?.processes[0]?.exitCode, 3)
    assert.deepEqual(merged?.inFlight, { 1: 7, 2: 1 })
  })

  test('lanes, certificates and challenges of any edge, routes of all edges', () => {
    const key = { app: parseAppName('shop'), environment: production }
    const route = { ...key, release: 1, hosts: [parseHostName('shop.test')] }
    const [first, second] = [
      { ...key, release: 1 },
      { ...key, release: 2 },
    ]
    const merged = mergeStates([
      { lanes: [first], routes: [route], certificates: route.hosts, httpsOnly: route.hosts, challenges: [] },
      {
        lanes: [first, second],
        routes: [{ ...route, release: 2 }],
        certificates: route.hosts,
        httpsOnly: [],
        challenges: ['a'],
      },
    ])
    const httpsOnly = route.hosts
    assert.deepEqual(merged, {
      lanes: [first, second],
      routes: [],
      certificates: route.hosts,
      httpsOnly,
      challenges: ['a'],
    })
    // A keeper from before it was asked for says nothing of it: then no one knows.
    const silent = { lanes: [], routes: [], certificates: [], challenges: [] }
    assert.equal(mergeStates([silent, { ...silent, httpsOnly }]).httpsOnly, undefined)
    const reported = (connections: number) => ({ ...silent, sourceLimits: { connections, requestsPerSecond: 9 } })
    assert.deepEqual(mergeStates([reported(1), reported(1)]).sourceLimits, { connections: 1, requestsPerSecond: 9 })
    for (const other of [reported(2), silent]) assert.equal(mergeStates([reported(1), other]).sourceLimits, undefined)
  })
})
