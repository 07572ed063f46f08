/** One press: one request, never repeated, after any answer to a look where it cannot be taken back. */
import { buttonsProblem, type DeviceButton } from '@travessia/schemas/buttons'
import type { CommandContext, CommandResult, DriverTarget } from '../driver.ts'
import { look } from '../look.ts'
import { codeOf, isSignInRefused, resultOfError, resultOfStatus } from '../refusal.ts'
import { basic } from './basic.ts'

/** Whatever it says, and if it hangs up on what it does not know. */
const isAwake = new Set(['DEVICE_ANSWER', 'DEVICE_PROTOCOL', 'DEVICE_LOST'])

export async function press(
  { fetch, credentials }: Pick<DriverTarget, 'fetch'> & Partial<DriverTarget>,
  button: DeviceButton,
  context: CommandContext,
): Promise<CommandResult> {
  // The server has refused such a one before; this host is not its to lead astray.
  if (buttonsProblem([button]) !== undefined)
    return { outcome: 'failed', detail: 'REQUEST_INVALID' }
  const { method, path, body, contentType = 'text/plain' } = button
  const headers = {
    ...(credentials ? { authorization: basic(credentials) } : {}),
    ...(body === undefined ? {} : { 'content-type': contentType }),
  }
  const { startWithinMs, signal } = context
  const request = { method, path, headers, startWithinMs, signal }
  try {
    const asked = lookOf(button)
    if (asked)
      await look(context, async ({ signal }) => {
        const answer = fetch({ ...asked, startWithinMs, signal })
        await answer.catch((error: unknown) => {
          if (!isAwake.has(codeOf(error))) throw error
        })
      })
    const { status } = await fetch(body === undefined ? request : { ...request, body })
    return resultOf(status, credentials !== undefined)
  } catch (error) {
    return resultOfError(error)
  }
}

/** Never at the button's own path: a device that ignores the method would do it twice. */
function lookOf({ path, safety, look }: DeviceButton) {
  if (safety === 'reversible' || look === false || path === (look ?? '/')) return undefined
  return look === undefined
    ? ({ method: 'HEAD', path: '/' } as const)
    : ({ method: 'GET', path: look } as const)
}

/** A redirection may be the thanks of a form that was taken, or the way to a sign-in: nobody can tell from here. */
function resultOf(status: number, isSignedIn: boolean): CommandResult {
  if (status >= 200 && status < 300) return { outcome: 'accepted' }
  const detail = `HTTP ${status}`
  if (status < 400) return { outcome: 'unknown', detail }
  return isSignInRefused(status) && !isSignedIn
    ? { outcome: 'denied', detail }
    : resultOfStatus(status)
}
