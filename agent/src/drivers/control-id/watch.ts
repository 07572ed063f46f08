/** Looks at a Control iD device: slowly, since its CPU is weak, and soon after it was told to do something. */
import type { DeviceState } from '@travessia/schemas/device-state'
import { fieldsOf, numberOf, parsed } from '../answers.ts'
import { pauseMs, startPolling } from '../polling.ts'
import { codeOf, DeviceRefusal, NotDone } from '../refusal.ts'
import type { ControlIdClient } from './client.ts'

const lookPauses = { usualMs: 10_000, atMostMs: 120_000 }
const answerMs = 5_000
/** Released at once, turned or given up a little later. */
const soonMs = [300, 3_000]
const arms: Readonly<Record<string, DeviceState['status']>> = {
  locked: 'locked',
  released: 'released',
}

export function watchTurnstile(
  client: ControlIdClient,
  tell: (state: DeviceState) => void,
): { stop(): void; soon(): void } {
  const timers = new Set<NodeJS.Timeout>()
  let failures = 0
  const lookAndTell = async (stop: AbortSignal) => {
    const state = await look(client, stop)
    failures = state.status === 'offline' ? failures + 1 : 0
    if (!stop.aborted) tell(state)
    return pauseMs({ ...lookPauses, failures })
  }
  const stopPolling = startPolling(lookAndTell)
  const abort = new AbortController()
  return {
    stop() {
      stopPolling()
      abort.abort()
      for (const timer of timers) clearTimeout(timer)
    },
    soon() {
      for (const inMs of soonMs) {
        const timer = setTimeout(() => {
          timers.delete(timer)
          void lookAndTell(abort.signal)
        }, inMs)
        timers.add(timer)
      }
    },
  }
}

async function look(client: ControlIdClient, stop: AbortSignal): Promise<DeviceState> {
  const signal = AbortSignal.any([stop, AbortSignal.timeout(answerMs)])
  try {
    const context = { commandId: 'watch', startWithinMs: () => answerMs, signal }
    const { status, body } = await client.call('get_catra_info', {}, context)
    return status === 200 ? stateOf(body) : { status: 'online' }
  } catch (error) {
    if (error instanceof DeviceRefusal) return { status: 'unknown', detail: error.message }
    return { status: 'offline', detail: error instanceof NotDone ? error.message : codeOf(error) }
  }
}

/** A door controller answers too, but has no arm and counts nothing. */
function stateOf(body: string): DeviceState {
  const info = fieldsOf(parsed(body))
  const left = numberOf(info['left_turns'])
  const right = numberOf(info['right_turns'])
  const turns = left === undefined || right === undefined ? {} : { turns: { left, right } }
  return { status: arms[String(info['arm'])] ?? 'online', ...turns }
}
