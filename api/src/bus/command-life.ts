/** How long a command lives that a person gave at a moment, by the server's clock (ADR 42). */
import { urgentCommands } from '@travessia/schemas/command-lives'

/** By which a phone may take this clock for later than it is. */
const maxAheadMs = 1_000

/**
 * From when the person acted; what lay on its way for longer than it lives, or comes from the future, is over. An emergency
 * stop from the future is of now: no clock keeps it back.
 */
export function lifeOf(of: {
  readonly command: string
  /** ms since 1970; undefined: now. */
  readonly actedAt: number | undefined
  readonly now: number
  readonly expiresInMs: number
}): { readonly expiresAt: string; readonly isOver: boolean } {
  const { command, actedAt = of.now, now, expiresInMs } = of
  const expiresAt = Math.min(actedAt, now) + expiresInMs
  const isAhead = actedAt > now + maxAheadMs && !urgentCommands.has(command)
  return { expiresAt: new Date(expiresAt).toISOString(), isOver: now >= expiresAt || isAhead }
}
