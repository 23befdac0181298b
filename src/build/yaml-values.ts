import { z } from 'zod'

/** A time with its unit, in seconds, of `most` at most. */
export const seconds = (most: number) =>
  z
    .string({ error: 'write a time with its unit, such as 30s or 2m' })
    .regex(/^[1-9][0-9]{0,5}(s|m|h)$/, 'write a time with its unit, such as 30s or 2m')
    .transform(text => Number.parseInt(text, 10) * { s: 1, m: 60, h: 3600 }[text.slice(-1) as 's' | 'm' | 'h'])
    .refine(value => value <= most, `is above the limit of ${most} s`)
