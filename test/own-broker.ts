/** Our broker as a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ended, readyLine, root } from '../rig/processes.ts'

export type OwnBrokerProcess = {
  readonly mqttUrl: string
  readonly process: ChildProcess
  /** SIGKILL, and the same broker again. */
  killAndStart(): Promise<OwnBrokerProcess>
  /** SIGKILL. */
  kill(): Promise<void>
  stop(): Promise<number | null>
}

/** @param httpUrl of the api, whose keys it asks for */
export async function startOwnBroker(
  { httpUrl, mqttPort }: { readonly httpUrl: string; readonly mqttPort: number },
  dataDir = mkdtempSync(join(tmpdir(), 'travessia-own-broker-')),
): Promise<OwnBrokerProcess> {
  const child = spawn(process.execPath, [join(root, 'broker/src/main.ts')], {
    cwd: root,
    env: {
      ...process.env,
      ...{ TRAVESSIA_MQTT_PORT: String(mqttPort), TRAVESSIA_WS_PORT: '0' },
      ...{ TRAVESSIA_PUBLIC_URL: httpUrl, TRAVESSIA_DATA_DIR: dataDir },
      TRAVESSIA_LOG_LEVEL: 'warn',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const { mqttUrl } = (await readyLine(child)) as { mqttUrl: string }
  return {
    ...{ mqttUrl, process: child },
    async killAndStart() {
      await ended(child, 'SIGKILL')
      return startOwnBroker({ httpUrl, mqttPort }, dataDir)
    },
    async kill() {
      await ended(child, 'SIGKILL')
    },
    async stop() {
      const code = await ended(child, 'SIGTERM')
      rmSync(dataDir, { recursive: true, force: true })
      return code
    },
  }
}
