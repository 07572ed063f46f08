/** One press: one request, never repeated, and what the answer says of it. */
import { buttonsProblem, type DeviceButton } from '@travessia/schemas/buttons'
import type { CommandContext, CommandResult, DriverTarget } from '../driver.ts'
import { isSignInRefused, resultOfError, resultOfStatus } from '../refusal.ts'
import { basic } from './basic.ts'

export async function press(
  { fetch, credentials }: Pick<DriverTarget, 'fetch'> & Partial<DriverTarget>,
  button: DeviceButton,
  { startWithinMs, signal }: CommandContext,
): Promise<CommandResult> {
  // The server has refused such a one before; this host is not its to lead astray.
  if (buttonsProblem([button]) !== undefined)
    return { outcome: 'failed', detail: 'REQUEST_INVALID' }
  const { method, path, body, contentType = 'text/plain' } = button
  const headers = {
    ...(credentials ? { authorization: basic(credentials) } : {}),
    ...(body === undefined ? {} : { 'content-type': contentType }),
  }
  const request = { method, path, headers, startWithinMs, signal }
  try {
    const { status } = await fetch(body === undefined ? request : { ...request, body })
    return resultOf(status, credentials !== undefined)
  } catch (error) {
    return resultOfError(error)
  }
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
