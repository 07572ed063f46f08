/**
 * Printers behind Klipper and Moonraker: watched over its WebSocket, told over HTTP, because there nothing is sent
 * after the expiry of a command.
 */
import { fieldsOf } from '../answers.ts'
import type { CommandContext, CommandResult, Driver, DriverTarget } from '../driver.ts'
import { type Moment, type PrintCommand, runPrintCommand } from '../printing.ts'
import { NotDone, resultOfError } from '../refusal.ts'
import { signInByApiKey } from '../sign-in.ts'
import { MoonrakerClient } from './client.ts'
import { objects, stateOf } from './state.ts'
import { type Timing, usualTiming, watchMoonraker } from './watch.ts'

/** Also when the order says more: a driver does not heat beyond the common profile. */
const heaters = {
  nozzle: { code: 'M104', maxCelsius: 300 },
  bed: { code: 'M140', maxCelsius: 120 },
} as const

export function createDriver(target: DriverTarget, timing?: Timing): Driver {
  const client = new MoonrakerClient(target.fetch, target.credentials)
  const read = async (moment: Moment) => stateOf(fieldsOf(await client.status(objects, moment)))
  return {
    ...signInByApiKey(target.credentials),
    async execute(command, context) {
      if (command.name === 'UploadFile') return client.upload(context).catch(resultOfError)
      const send = (known: PrintCommand, when: CommandContext) => sendCommand(client, known, when)
      return runPrintCommand({ read, send }, command, context)
    },
    watch(tell) {
      const { openSocket, credentials } = target
      const apiKey = credentials?.password
      return watchMoonraker({ client, openSocket, apiKey, tell }, timing ?? usualTiming)
    },
  }
}

async function sendCommand(
  client: MoonrakerClient,
  command: PrintCommand,
  context: CommandContext,
): Promise<CommandResult> {
  switch (command.name) {
    case 'StartPrint':
      return client.post(`/printer/print/start?filename=${encoded(command.args.file)}`, context)
    case 'PausePrint':
      return client.post('/printer/print/pause', context)
    case 'ResumePrint':
      return client.post('/printer/print/resume', context)
    case 'CancelPrint':
      return client.post('/printer/print/cancel', context)
    case 'EmergencyStop':
      // M112 as G-code would wait behind what is printed.
      return client.post('/printer/emergency_stop', context)
    case 'SetTemperature': {
      const { code, maxCelsius } = heaters[command.args.heater]
      const celsius = Math.min(maxCelsius, Math.max(0, command.args.target))
      const script = `${code} S${celsius.toFixed(1)}`
      return client.post('/printer/gcode/script', context, { script })
    }
  }
}

/** @throws NotDone: no such name can exist */
function encoded(file: string): string {
  try {
    return encodeURIComponent(file)
  } catch {
    throw new NotDone({ outcome: 'failed', detail: 'PRINTER_FILE' })
  }
}
