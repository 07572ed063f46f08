/** The lists that the simulated turnstile keeps and gives out: access_logs, access_events, users. */
import { type Answer, json, keepLast } from './device-server.ts'
import { deviceId } from './turnstile-factory.ts'

export type Turn = 'TURN_LEFT' | 'TURN_RIGHT' | 'GIVE_UP'
type Body = Readonly<Record<string, unknown>>
type Row = Readonly<Record<string, unknown>> & { readonly id: number }

const users = [{ id: 1, name: 'Ana', registration: '1001', begin_time: 0, end_time: 0 }]
const operators: Readonly<Record<string, (value: number, bound: number) => boolean>> = {
  '>': (value, bound) => value > bound,
  '>=': (value, bound) => value >= bound,
  '=': (value, bound) => value === bound,
}

export class TurnstileLists {
  readonly #seconds: () => number
  readonly #logs: Row[] = []
  readonly #events: Row[] = []

  constructor(seconds: () => number) {
    this.#seconds = seconds
  }

  addLog(event: number, userId = 0): Row {
    const row = { id: nextOf(this.#logs), time: this.#seconds(), event, device_id: deviceId }
    const log = { ...row, identifier_id: 0, user_id: userId, portal_id: 1, log_type_id: -1 }
    keepLast(this.#logs, log)
    return log
  }

  addEvent(type: Turn): Row {
    const row = { id: nextOf(this.#events), event: 'catra', type, identification: '' }
    const event = { ...row, device_id: deviceId, timestamp: this.#seconds() }
    keepLast(this.#events, event)
    return event
  }

  /** As after a factory reset: the numbers begin anew. */
  erase(): void {
    this.#logs.length = 0
    this.#events.length = 0
  }

  load({ object, where, limit, offset, order }: Body): Answer {
    const name = String(object)
    const rows: Readonly<Record<string, readonly Row[]>> = {
      ...{ access_logs: this.#logs, users, access_events: this.#events },
    }
    const all = (rows[name] ?? []).filter((row) => isWanted(row, name, where))
    if (Array.isArray(order) && order[1] === 'descending') all.reverse()
    const first = Number(offset ?? 0)
    return json({ [name]: all.slice(first, first + Number(limit ?? 500)) })
  }
}

function nextOf(rows: readonly Row[]): number {
  return (rows.at(-1)?.id ?? 0) + 1
}

/** Both dialects: `{access_logs: {id: {'>': 7}}}` and `[{object, field, operator, value}]`. */
function isWanted(row: Row, object: string, where: unknown): boolean {
  if (Array.isArray(where))
    return (where as Body[]).every(({ field, operator, value }) =>
      holds(row[String(field)], String(operator), value),
    )
  const fields = (where as Readonly<Record<string, Body>> | undefined)?.[object] ?? {}
  return Object.entries(fields).every(([field, wanted]) =>
    typeof wanted === 'object' && wanted !== null
      ? Object.entries(wanted).every(([operator, bound]) => holds(row[field], operator, bound))
      : holds(row[field], '=', wanted),
  )
}

function holds(value: unknown, operator: string, bound: unknown): boolean {
  return operators[operator]?.(Number(value), Number(bound)) ?? false
}
