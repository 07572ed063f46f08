/** Printers behind OctoPrint. Credentials: any login, the API key as password (`client.ts`). */
import type { DeviceState } from '@travessia/schemas/device-state'
import { fieldsOf, numberOf, parsed, textOf } from '../answers.ts'
import type { CommandContext, CommandResult, Driver, DriverTarget } from '../driver.ts'
import { type Moment, type PrintCommand, runPrintCommand } from '../printing.ts'
import { resultOfError } from '../refusal.ts'
import { signInByApiKey } from '../sign-in.ts'
import { OctoPrintClient, pathOfFile, resultOf } from './client.ts'
import { stateOf } from './state.ts'
import { type Timing, usualTiming, watchOctoPrint } from './watch.ts'

/** The time to begin a question after a command that was done. */
const afterwardsMs = 5_000

export function createDriver({ fetch, credentials }: DriverTarget, timing?: Timing): Driver {
  const client = new OctoPrintClient(fetch, credentials)
  const read = (moment: Moment) => readState(client, moment)
  const watchers = new Set<(isOfFiles: boolean) => void>()
  return {
    ...signInByApiKey(credentials),
    async execute(command, context) {
      const isUpload = command.name === 'UploadFile'
      const send = (known: PrintCommand, when: CommandContext) => sendCommand(client, known, when)
      const result = isUpload
        ? await upload(client, context).catch(resultOfError)
        : await runPrintCommand({ read, send }, command, context)
      for (const lookNow of watchers) lookNow(isUpload)
      return result
    },
    watch(tell) {
      const { lookNow, stop } = watchOctoPrint({ client, read, tell }, timing ?? usualTiming)
      watchers.add(lookNow)
      return () => {
        watchers.delete(lookNow)
        stop()
      }
    },
  }
}

/** One after the other: these hosts are small. */
async function readState(client: OctoPrintClient, moment: Moment): Promise<DeviceState> {
  const printer = await client.get('/api/printer?exclude=sd', moment)
  return stateOf(printer, await client.get('/api/job', moment))
}

async function sendCommand(
  client: OctoPrintClient,
  command: PrintCommand,
  context: CommandContext,
): Promise<CommandResult> {
  const [path, body] = requestOf(command)
  return resultOf(await client.post(path, body, context))
}

/** Confirmed: OctoPrint has it, under the name that it says, as long as it was. */
async function upload(client: OctoPrintClient, context: CommandContext): Promise<CommandResult> {
  const answer = await client.upload(context)
  const result = resultOf(answer)
  if (result.outcome !== 'accepted') return result
  const local = fieldsOf(fieldsOf(fieldsOf(parsed(answer.body))['files'])['local'])
  const file = textOf(local['path'])
  if (file === '') return result
  const afterwards = { startWithinMs: () => afterwardsMs, signal: context.signal }
  const kept = await client.get(pathOfFile(file), afterwards).catch(() => undefined)
  const isWhole = numberOf(fieldsOf(kept)['size']) === context.file?.length
  return { outcome: isWhole ? 'confirmed' : 'accepted', file }
}

/** Pause and resume always with their `action`: without it OctoPrint toggles. */
function requestOf(command: PrintCommand): readonly [path: string, body: object] {
  switch (command.name) {
    case 'StartPrint':
      return [pathOfFile(command.args.file), { command: 'select', print: true }]
    case 'PausePrint':
      return ['/api/job', { command: 'pause', action: 'pause' }]
    case 'ResumePrint':
      return ['/api/job', { command: 'pause', action: 'resume' }]
    case 'CancelPrint':
      return ['/api/job', { command: 'cancel' }]
    case 'EmergencyStop':
      return ['/api/printer/command', { commands: ['M112'] }]
    case 'SetTemperature': {
      const { heater, target } = command.args
      return heater === 'bed'
        ? ['/api/printer/bed', { command: 'target', target }]
        : ['/api/printer/tool', { command: 'target', targets: { tool0: target } }]
    }
  }
}
