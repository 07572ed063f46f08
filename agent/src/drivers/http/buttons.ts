/** One press: one request, never repeated, and what the answer says of it. */
import { buttonsProblem, type DeviceButton } from '@travessia/schemas/buttons'
import type { CommandContext, CommandResult, DriverTarget } from '../driver.ts'
import { resultOfError } from '../refusal.ts'
import { basic } from './basic.ts'

export async function press(
  { fetch, credentials }: Pick<DriverTarget, 'fetch'> & Partial<DriverTarget>,
  button: DeviceButton,
  { startWithinMs, signal }: CommandContext,
): Promise<CommandResult> {
  // The server has refused such a one before; this host is not its to lead astray.
  if (buttonsProblem([button]) !== undefined)
    return { outcome: 'failed', detail: 'the button cannot be sent' }
  const { method, path, body, contentType = 'text/plain' } = button
  const headers = {
    ...(credentials ? { authorization: basic(credentials) } : {}),
    ...(body === undefined ? {} : { 'content-type': contentType }),
  }
  const request = { method, path, headers, startWithinMs, signal }
  try {
    const { status } = await fetch(body === undefined ? request : { ...request, body })
    return resultOf(status)
  } catch (error) {
    return resultOfError(error)
  }
}

/** A redirection may be the thanks of a form that was taken, or the way to a sign-in: nobody can tell from here. */
function resultOf(status: number): CommandResult {
  if (status >= 200 && status < 300) return { outcome: 'accepted' }
  const detail = `the device answered ${status}`
  return { outcome: status >= 400 && status < 500 ? 'denied' : 'unknown', detail }
}
