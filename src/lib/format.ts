export const MiB = 1024 ** 2
export const GiB = 1024 ** 3

/** `1.5 GiB` */
export function gib(bytes: number, digits = 1): string {
  return `${(bytes / GiB).toFixed(digits)} GiB`
}
