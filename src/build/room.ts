import { AppError } from '../core/errors.ts'
import { formatAmount, type Limits } from '../core/limits.ts'

/** Rejects `no-room`: a disk that is full stops more than builds: the store, the registry, every app that writes. */
export function requireRoom(free: number, { buildDiskBytes }: Limits): void {
  if (free >= buildDiskBytes) return
  const least = formatAmount(buildDiskBytes, 'bytes')
  throw new AppError(
    'no-room',
    `the disk has ${(free / 1024 ** 3).toFixed(2)} GiB free, and builds stop below ${least}`,
    {
      hint: 'What runs goes on. The operator finds out what fills it: "lading doctor" on the server.',
      retryable: true,
    },
  )
}
