/** Control iD turnstiles (iDBlock) in our vocabulary. 200 means accepted, not turned (DEVICES 1.3). */
import type { CommandArgs } from '@travessia/schemas/commands'
import { TravessiaError } from '@travessia/schemas/errors'
import type { CommandContext, CommandResult, Driver, DriverTarget } from '../driver.ts'
import { type Answer, ControlIdClient, LoginRefused } from './client.ts'

/** What devices leave the factory with; used only when none was registered. */
const factoryCredentials = { login: 'admin', password: 'admin' }

export function createDriver({ fetch, credentials }: DriverTarget): Driver {
  const client = new ControlIdClient(fetch, credentials ?? factoryCredentials)
  return {
    kind: 'control-id',
    async execute(command, context) {
      switch (command.name) {
        case 'OpenGate':
          return openGate(client, command.args, context)
        default:
          return { outcome: 'unsupported', detail: String((command as { name: unknown }).name) }
      }
    },
  }
}

async function openGate(
  client: ControlIdClient,
  { direction }: CommandArgs['OpenGate'],
  context: CommandContext,
): Promise<CommandResult> {
  const actions = [{ action: 'catra', parameters: `allow=${direction}` }]
  try {
    return resultOf(await client.call('execute_actions', { actions }, context))
  } catch (error) {
    return resultOfError(error)
  }
}

function resultOf({ status, body }: Answer): CommandResult {
  if (status >= 200 && status < 300)
    return isDenied(body) ? { outcome: 'denied', detail: 'interlock' } : { outcome: 'accepted' }
  const detail = `the device answered ${status}`
  return status < 500 ? { outcome: 'failed', detail } : { outcome: 'unknown', detail }
}

function isDenied(body: string): boolean {
  try {
    const { actions } = JSON.parse(body) as { actions?: Array<{ status?: unknown }> }
    return Array.isArray(actions) && actions.some(({ status }) => status === 'denied')
  } catch {
    return false
  }
}

function resultOfError(error: unknown): CommandResult {
  if (error instanceof LoginRefused) return { outcome: 'failed', detail: error.message }
  if (!(error instanceof TravessiaError)) return { outcome: 'unknown', detail: 'no answer' }
  switch (error.code) {
    case 'COMMAND_EXPIRED':
      return { outcome: 'late' }
    case 'DEVICE_UNREACHABLE':
    case 'TARGET_FORBIDDEN':
      return { outcome: 'failed', detail: error.code }
    default:
      return { outcome: 'unknown', detail: error.code }
  }
}
