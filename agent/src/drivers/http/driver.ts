/**
 * Any HTTP device: its page and API are reached through the tunnel; its commands are the buttons that were declared for
 * it. Watched for whether it answers, whatever it answers, and for its page's title.
 */
import type { DeviceState } from '@travessia/schemas/device-state'
import type { ErrorCode } from '@travessia/schemas/errors'
import type { DeviceFetch, Driver, DriverTarget } from '../driver.ts'
import { pauseMs, startPolling } from '../polling.ts'
import { codeOf } from '../refusal.ts'
import { signInByPassword } from '../sign-in.ts'
import { press } from './buttons.ts'
import { titleOf } from './title.ts'

export const lookPauses = { usualMs: 30_000, atMostMs: 120_000 }
const answerMs = 10_000

type Target = Pick<DriverTarget, 'fetch'> & Partial<DriverTarget>

export function createDriver(target: Target): Driver {
  const { fetch, buttons = [], credentials } = target
  return {
    ...signInByPassword(credentials),
    async execute({ name, args }, context) {
      const wanted = name === 'PressButton' ? args.button : undefined
      const button = buttons.find((one) => one.name === wanted)
      if (!button) return { outcome: 'unsupported', detail: wanted ?? name }
      return press(target, button, context)
    },
    watch(tell) {
      let failures = 0
      return startPolling(async (signal) => {
        const state = await look(fetch, signal)
        failures = state.status === 'offline' ? failures + 1 : 0
        if (!signal.aborted) tell(state)
        return pauseMs({ ...lookPauses, failures })
      })
    },
  }
}

async function look(fetch: DeviceFetch, stop: AbortSignal): Promise<DeviceState> {
  const answer = await ask(fetch, { path: '/', stop })
  if (typeof answer === 'string') return { status: 'offline', detail: answer }
  // More than the agent reads, so no title; but an answer.
  if (answer.body === undefined) return { status: 'online' }
  const isGood = answer.status >= 200 && answer.status < 300
  const detail = titleOf(answer.body) ?? (isGood ? undefined : `HTTP ${answer.status}`)
  return { status: 'online', ...(detail === undefined ? {} : { detail }) }
}

/** What the device says to one GET, or why it says nothing. `body` undefined: more than is read. */
export async function ask(
  fetch: DeviceFetch,
  {
    path,
    headers = {},
    stop,
  }: { path: string; headers?: Readonly<Record<string, string>>; stop: AbortSignal },
): Promise<{ readonly status: number; readonly body: string | undefined } | ErrorCode> {
  const signal = AbortSignal.any([stop, AbortSignal.timeout(answerMs)])
  try {
    return await fetch({ method: 'GET', path, headers, startWithinMs: () => answerMs, signal })
  } catch (error) {
    const code = codeOf(error)
    return code === 'DEVICE_ANSWER' ? { status: 200, body: undefined } : code
  }
}
