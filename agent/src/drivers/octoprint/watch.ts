/**
 * Watches OctoPrint by polling: often while it prints, seldom else, ever more seldom while it does not answer. Its push
 * (SockJS) needs a session of a user, which an API key does not always give.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { DeviceState, DeviceStatus } from '@travessia/schemas/device-state'
import { type Moment, stateOfError } from '../printing.ts'
import type { OctoPrintClient } from './client.ts'
import { filesOf } from './state.ts'

export type Timing = {
  readonly activeMs: number
  readonly idleMs: number
  readonly awayMaxMs: number
  /** The list of files is large for these hosts: read as seldom as this, and never while printing. */
  readonly filesMs: number
  readonly answerMs: number
}
export const usualTiming: Timing = {
  ...{ activeMs: 2_000, idleMs: 10_000, awayMaxMs: 60_000 },
  ...{ filesMs: 60_000, answerMs: 5_000 },
}

type Watch = {
  readonly client: OctoPrintClient
  readonly read: (moment: Moment) => Promise<DeviceState>
  readonly tell: (state: DeviceState) => void
}

const filesPath = '/api/files/local?recursive=true'
const away: ReadonlySet<string> = new Set(['offline', 'unknown'])
const active: ReadonlySet<string> = new Set(['preparing', 'printing', 'finishing'])

/** How long to rest after a look that found this; each look away from home doubles the next rest. */
export function pausesOf({
  activeMs,
  idleMs,
  awayMaxMs,
}: Timing): (status: DeviceStatus) => number {
  let awayMs = idleMs
  return (status) => {
    if (!away.has(status)) {
      awayMs = idleMs
      return active.has(status) ? activeMs : idleMs
    }
    const pauseMs = awayMs
    awayMs = Math.min(awayMaxMs, awayMs * 2)
    return pauseMs
  }
}

export function watchOctoPrint(
  { client, read, tell }: Watch,
  timing: Timing,
): { lookNow(isOfFiles?: boolean): void; stop(): void } {
  const { filesMs, answerMs } = timing
  const pauseAfter = pausesOf(timing)
  const stopped = new AbortController()
  let asleep = new AbortController()
  let files: string[] | undefined
  let filesAt = Number.NEGATIVE_INFINITY

  function moment(): Moment {
    const signal = AbortSignal.any([stopped.signal, AbortSignal.timeout(answerMs)])
    return { startWithinMs: () => answerMs, signal }
  }

  async function look(): Promise<DeviceState> {
    const state = await read(moment()).catch(stateOfError)
    if (away.has(state.status)) return state
    const isDue = performance.now() - filesAt > filesMs && !active.has(state.status)
    if (isDue || files === undefined) {
      filesAt = performance.now()
      files = await client.get(filesPath, moment()).then(filesOf, () => files ?? [])
    }
    return { ...state, files }
  }

  async function run(): Promise<void> {
    while (!stopped.signal.aborted) {
      const state = await look()
      if (stopped.signal.aborted) return
      tell(state)
      const { signal } = asleep
      await sleep(pauseAfter(state.status), undefined, { signal }).catch(() => undefined)
      if (signal.aborted) asleep = new AbortController()
    }
  }

  void run()
  return {
    lookNow(isOfFiles = false) {
      if (isOfFiles) filesAt = Number.NEGATIVE_INFINITY
      asleep.abort()
    },
    stop() {
      stopped.abort()
      asleep.abort()
    },
  }
}
