import type { SlotStep } from '../slots.ts'

/** Runtime commands for one step of one slot. Why each part is there: docs/design/edge.md, "Slots". */
export function commandsFor(backend: string, step: SlotStep): readonly string[] {
  const server = slotName(backend, step.slot)
  switch (step.kind) {
    case 'rest':
      // Health checks may have been switched off by failing open; the address is taken away, so that no later mistake
      // can send a request to whoever got the port.
      return [
        `set server ${server} state maint`,
        `enable health ${server}`,
        `set server ${server} addr 127.0.0.1 port 1`,
      ]
    case 'arm':
      return armed(server)
    case 'leave':
      return [`set server ${server} state drain`]
    case 'place':
      return [...(step.armed ? [] : armed(server)), `set server ${server} ${addressOf(step.address)}`]
  }
}

/** After proof, in this order: the first alone sends nothing, since the weight is still 0. */
export function admitCommands(backend: string, slot: number): readonly string[] {
  const server = slotName(backend, slot)
  return [`set server ${server} health up`, `set server ${server} weight 100%`]
}

export function failOpenCommands(backend: string, slot: number): readonly string[] {
  const server = slotName(backend, slot)
  return [`disable health ${server}`, `set server ${server} health up`]
}

export function checkAgainCommands(backend: string, slot: number): readonly string[] {
  return [`enable health ${slotName(backend, slot)}`]
}

export function slotName(backend: string, slot: number): string {
  return `${backend}/s${slot + 1}`
}

function armed(server: string): readonly string[] {
  return [`set server ${server} weight 0`, `set server ${server} state ready`, `set server ${server} health down`]
}

function addressOf(address: string): string {
  const at = address.lastIndexOf(':')
  return `addr ${address.slice(0, at)} port ${address.slice(at + 1)}`
}
