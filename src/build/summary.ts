import { registryName } from '../core/names.ts'
import type { Image } from '../core/release.ts'

/** What was made, and how much of it is new: `shop@sha256:…: 4 layers, 1 new (3 kB)`. */
export function summary(image: Image): string {
  const fresh = image.layers.filter(layer => layer.isNew)
  const bytes = fresh.reduce((sum, layer) => sum + layer.size, 0)
  const amount = bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${Math.ceil(bytes / 1000)} kB`
  const name = image.reference.slice(registryName.length + 1).replace(/(sha256:[0-9a-f]{12}).*/, '$1')
  return `${name}: ${image.layers.length} layers, ${fresh.length} new (${amount})`
}
