export const GiB = 1024 ** 3

/** `1.5 GiB` */
export function gib(bytes: number): string {
  return `${(bytes / GiB).toFixed(1)} GiB`
}
