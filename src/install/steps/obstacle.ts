/** What stands in the way: what is wrong, and what to do about it. */
export interface Obstacle {
  readonly what: string
  readonly next: string
}
