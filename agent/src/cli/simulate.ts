/** `simulate KIND`: a device to try things with, until Ctrl-C. */
import { TravessiaError } from '@travessia/schemas/errors'
import { readArguments } from './arguments.ts'

type Simulator = { start(): Promise<Readonly<Record<string, string>>> }

const kinds: Readonly<Record<string, (port: number) => Promise<Simulator>>> = {
  turnstile: async (port) => (await import('../simulators/turnstile.ts')).createTurnstile({ port }),
  printer: async (port) => (await import('../simulators/printer.ts')).createPrinter({ port }),
  moonraker: async (port) => (await import('../simulators/moonraker.ts')).createMoonraker({ port }),
  marlin: async () => (await import('../simulators/marlin.ts')).createMarlin(),
  camera: async (port) => (await import('../simulators/camera.ts')).createCamera({ port }),
  system: async (port) =>
    (await import('../simulators/system.ts')).createSystem({ port, apiPort: 0, slicerPort: 0 }),
}

export async function run(args: string[]): Promise<void> {
  const { positionals, text } = readArguments(args, { port: { type: 'string' } })
  const create = kinds[positionals[0] ?? '']
  const port = Number(text('port') ?? 0)
  if (!create || !Number.isInteger(port) || port < 0 || port > 65_535) {
    const problem = `Usage: simulate ${Object.keys(kinds).join('|')} [--port N]`
    throw new TravessiaError('CONFIG_INVALID', { problem })
  }
  const addresses = await (await create(port)).start()
  process.stdout.write(`${JSON.stringify({ msg: 'ready', ...addresses })}\n`)
}
