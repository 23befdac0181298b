import { z } from 'zod'

/** A store that speaks S3, and who we are there. */
export const s3Access = z.strictObject({
  endpoint: z.url({ protocol: /^https?$/ }),
  region: z.string().min(1),
  accessKeyId: z.string().min(1),
  secretAccessKey: z.string().min(1),
})

export type S3Access = z.infer<typeof s3Access>
