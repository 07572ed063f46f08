/** Printers behind OctoPrint. Credentials: any login, the API key as password (`client.ts`). */
import type { DeviceState } from '@travessia/schemas/device-state'
import type { CommandContext, CommandResult, Driver, DriverTarget } from '../driver.ts'
import { type Moment, type PrintCommand, runPrintCommand } from '../printing.ts'
import { OctoPrintClient, pathOfFile, resultOf } from './client.ts'
import { stateOf } from './state.ts'
import { type Timing, usualTiming, watchOctoPrint } from './watch.ts'

export function createDriver({ fetch, credentials }: DriverTarget, timing?: Timing): Driver {
  const client = new OctoPrintClient(fetch, credentials)
  const read = (moment: Moment) => readState(client, moment)
  const watchers = new Set<() => void>()
  return {
    kind: 'octoprint',
    async execute(command, context) {
      const send = (known: PrintCommand, when: CommandContext) => sendCommand(client, known, when)
      const result = await runPrintCommand({ read, send }, command, context)
      for (const lookNow of watchers) lookNow()
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
