import { type Compilable, type Kysely, sql } from 'kysely'
import type { Tables } from './tables.ts'

/** What the store's parts speak to: a builder of queries, and one way to run them. */
export interface Connection {
  /** Builds queries; it never runs one. */
  readonly db: Kysely<Tables>
  /**
   * Runs the statements in this order as one transaction, without code between them (decision: statements-in-batches):
   * a precondition is part of its statement, and what was found is judged afterwards. Rejects `unavailable` or
   * `internal`; then nothing was done.
   */
  readonly batch: <const Queries extends readonly Compilable<unknown>[]>(
    ...queries: Queries
  ) => Promise<Results<Queries>>
}

type Results<Queries> = { [Q in keyof Queries]: Queries[Q] extends Compilable<infer Row> ? Row[] : never }

/**
 * Literals in `insert … select`. PostgreSQL takes a parameter there for text, whatever the column is: hence the casts.
 */
export const text = (value: string | null) => sql<string>`cast(${value} as text)`
export const integer = (value: number) => sql<number>`cast(${value} as bigint)`

/** A whole row in such a statement: what goes into `columns`, and what is selected in the same order. */
export const columnsOf = <Row extends object>(row: Row) => Object.keys(row) as (keyof Row & string)[]
export const literals = <Row extends { [Column in keyof Row]: string | number | null }>(row: Row) =>
  Object.entries<string | number | null>(row).map(([column, value]) =>
    typeof value === 'number' ? integer(value).as(column) : text(value).as(column),
  )

/** One more than the highest in this column, from 1. */
export const next = (column: string) => sql<number>`coalesce(max(${sql.ref(column)}), 0) + 1`.as('next')
