/** Control iD turnstiles and door controllers in our vocabulary. 200 means accepted, not turned. */
import type { Command } from '@travessia/schemas/commands'
import type { DeviceState } from '@travessia/schemas/device-state'
import { TravessiaError } from '@travessia/schemas/errors'
import type { CommandContext, CommandResult, Driver, DriverTarget } from '../driver.ts'
import { look } from '../look.ts'
import { DeviceRefusal, resultOfError, resultOfStatus } from '../refusal.ts'
import { type Answer, ControlIdClient } from './client.ts'
import { PassageFollower } from './follow.ts'
import { watchTurnstile } from './watch.ts'

/** What devices leave the factory with; used only when none was registered. */
const factoryCredentials = { login: 'admin', password: 'admin' }
const signInMs = 5_000
/** The one id that every security box has. */
const secBox = 'id=65793, reason=3'

type Call = { readonly command: string; readonly body: unknown }

export function createDriver({ fetch, credentials }: DriverTarget): Driver {
  const client = new ControlIdClient(fetch, credentials ?? factoryCredentials)
  let watch: ReturnType<typeof watchTurnstile> | undefined
  let follower: PassageFollower | undefined
  return {
    async execute(command, context) {
      const call = callOf(command)
      if (!call) return { outcome: 'unsupported', detail: command.name }
      const isRelease = command.name === 'OpenGate'
      if (isRelease) follower?.releasing(context.commandId)
      const result = await run(client, call, context, command.name !== 'ShowMessage')
      const hasOpened = result.outcome === 'accepted' || result.outcome === 'unknown'
      if (isRelease && !hasOpened) follower?.notReleased(context.commandId)
      watch?.soon()
      return result
    },
    watch(tell) {
      const withSource = (state: DeviceState) =>
        tell(follower && state.status !== 'offline' ? { ...state, ...knownOf(follower) } : state)
      watch = watchTurnstile(client, withSource)
      return watch.stop
    },
    follow(desk) {
      follower = new PassageFollower(client, desk, () => watch?.soon())
      return follower
    },
    /** The page has its session in a cookie that its script writes: the agent's comes in its place. */
    async signIn(refused) {
      const signal = AbortSignal.timeout(signInMs)
      const moment = { commandId: 'sign-in', startWithinMs: () => signInMs, signal }
      const value = await client.session(moment, refused?.cookie?.value).catch((error: unknown) => {
        const isRefusal = error instanceof DeviceRefusal && error.result.outcome === 'denied'
        throw isRefusal ? new TravessiaError('DEVICE_SIGN_IN_REFUSED', {}, { cause: error }) : error
      })
      if (!/^[\w.~+/=-]+$/.test(value)) throw new TravessiaError('DEVICE_PROTOCOL')
      const { password } = credentials ?? factoryCredentials
      return { cookie: { name: 'session', value }, secrets: [value, password] }
    },
  }
}

/** undefined: not a command of these devices. */
function callOf(command: Command): Call | undefined {
  switch (command.name) {
    case 'OpenGate':
      return action('catra', `allow=${command.args.direction}`)
    case 'OpenDoor':
      return command.args.door === 'external'
        ? action('sec_box', secBox)
        : action('door', `door=${command.args.door}`)
    case 'ShowMessage': {
      const { text, seconds } = command.args
      return { command: 'message_to_screen', body: { message: text, timeout: seconds * 1000 } }
    }
    case 'RebootDevice':
      return { command: 'reboot', body: {} }
    default:
      return undefined
  }
}

function action(name: string, parameters: string): Call {
  return { command: 'execute_actions', body: { actions: [{ action: name, parameters }] } }
}

async function run(
  client: ControlIdClient,
  { command, body }: Call,
  context: CommandContext,
  isPhysical: boolean,
): Promise<CommandResult> {
  try {
    if (isPhysical) await look(context, (moment) => client.greet(moment))
    return resultOf(await client.call(command, body, context))
  } catch (error) {
    return resultOfError(error)
  }
}

function resultOf({ status, body }: Answer): CommandResult {
  if (status >= 200 && status < 300)
    return isDenied(body) ? { outcome: 'denied', detail: 'denied' } : { outcome: 'accepted' }
  return resultOfStatus(status)
}

function isDenied(body: string): boolean {
  try {
    const { actions } = JSON.parse(body) as { actions?: Array<{ status?: unknown }> }
    return Array.isArray(actions) && actions.some(({ status }) => status === 'denied')
  } catch {
    return false
  }
}

function knownOf({ source, entry }: PassageFollower): Pick<DeviceState, 'passages' | 'entry'> {
  return { passages: source, ...(entry === undefined ? {} : { entry }) }
}
