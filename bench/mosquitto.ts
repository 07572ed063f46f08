/** Debian's mosquitto between node and agents, with the access list that docs/protocol.md tells operators to copy. */
import { join } from 'node:path'
import { freePort } from '../rig/free-port.ts'
import { configureMosquitto, documentedRules } from '../rig/mosquitto.ts'
import { launchListening, pathOf } from './processes.ts'

export type RunningBroker = { readonly pid: number; readonly nodeUrl: string }

export function mosquittoMissing(): string | undefined {
  return pathOf('mosquitto') === undefined ? 'Debian package mosquitto' : undefined
}

/** @param directory exists */
export async function startMosquitto(directory: string): Promise<RunningBroker> {
  const port = await freePort()
  const { pid } = await launchListening(
    {
      command: String(pathOf('mosquitto')),
      args: ['-c', configureMosquitto(directory, port, documentedRules())],
      logFile: join(directory, 'mosquitto.log'),
    },
    port,
  )
  return { pid, nodeUrl: `mqtt://travessia-node:bench@127.0.0.1:${port}` }
}
