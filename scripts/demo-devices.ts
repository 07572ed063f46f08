/**
 * The simulated devices of the demo, the same that `travessia-agent simulate` starts. Their ports are kept
 * in the demo's folder, because the registered devices name them.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createCamera } from '../agent/src/simulators/camera.ts'
import { createPrinter } from '../agent/src/simulators/printer.ts'
import { createSystem } from '../agent/src/simulators/system.ts'
import { createTurnstile } from '../agent/src/simulators/turnstile.ts'

export type DemoDevices = {
  readonly entrance: string
  readonly garage: string
  readonly foreign: string
  readonly printer: string
  readonly camera: string
  readonly system: string
  /** Ports of the system's API and slicer, beside the one of its front. */
  readonly systemTargets: Array<{ port: number }>
}

type Simulator = { start(): Promise<{ url: string }> }

export async function startDevices(directory: string): Promise<DemoDevices> {
  const file = join(directory, 'ports.json')
  const ports = readPorts(file)
  const start = async (name: string, create: (port: number) => Simulator): Promise<string> => {
    const { url } = await create(ports[name] ?? 0).start()
    ports[name] = portOf(url)
    return url
  }
  const [entrance, garage, foreign, printer, camera] = await Promise.all([
    start('entrance', (port) => createTurnstile({ port })),
    start('garage', (port) => createTurnstile({ port })),
    start('foreign', (port) => createTurnstile({ port })),
    start('printer', (port) => createPrinter({ port })),
    start('camera', (port) => createCamera({ port })),
  ])
  const system = await createSystem({
    port: ports['system'] ?? 0,
    apiPort: ports['systemApi'] ?? 0,
    slicerPort: ports['systemSlicer'] ?? 0,
  }).start()
  Object.assign(ports, {
    system: portOf(system.url),
    systemApi: portOf(system.apiUrl),
    systemSlicer: portOf(system.slicerUrl),
  })
  writeFileSync(file, JSON.stringify(ports))
  const systemTargets = [system.apiUrl, system.slicerUrl].map((url) => ({ port: portOf(url) }))
  return { entrance, garage, foreign, printer, camera, system: system.url, systemTargets }
}

function readPorts(file: string): Record<string, number> {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Record<string, number>
  } catch {
    return {}
  }
}

function portOf(url: string): number {
  return Number(new URL(url).port)
}
