/** `npm start`: builds what is stale, starts a cloud node in demo mode with its agents and devices. */
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { readArguments } from '../api/src/command-line.ts'
import { demoAccounts, demoPassword } from '../api/src/demo-accounts.ts'
import { buildAgentIfStale, buildPwaIfStale } from './builds.ts'
import { ChildExit, keepChild, stopChildren } from './children.ts'
import { startDemo } from './demo.ts'

readArguments(
  'Usage: npm start   (the demo in TRAVESSIA_DATA_DIR; ports and more by TRAVESSIA_*, see README)',
  {},
)
const dataDir = resolve(process.env['TRAVESSIA_DATA_DIR'] || './data')
const demoDir = join(dataDir, 'demo')

async function start(): Promise<void> {
  mkdirSync(demoDir, { recursive: true, mode: 0o700 })
  buildPwaIfStale()
  buildAgentIfStale()
  const node = await keepChild(
    {
      args: ['api/src/main.ts'],
      env: { TRAVESSIA_DEMO: '1', TRAVESSIA_DATA_DIR: dataDir },
      logFile: join(demoDir, 'node.log'),
    },
    ({ httpUrl, remoteUrl, wsUrl, mqttUrl }) => ({
      TRAVESSIA_HTTP_PORT: portOf(httpUrl),
      TRAVESSIA_REMOTE_PORT: portOf(remoteUrl),
      TRAVESSIA_WS_PORT: portOf(wsUrl),
      TRAVESSIA_MQTT_PORT: portOf(mqttUrl),
    }),
  )
  const [httpUrl, wsUrl] = [String(node.ready['httpUrl']), String(node.ready['wsUrl'])]
  await startDemo({ httpUrl, wsUrl, directory: demoDir })
  console.log(`\n  Travessia: ${node.ready['httpUrl']}\n`)
  for (const { email, role } of demoAccounts) {
    const where = email.endsWith('@demo.travessia') ? '' : ' of another customer'
    console.log(`  ${email.padEnd(26)} ${role}${where}`)
  }
  console.log(`\n  Password of all: ${demoPassword}    Data and logs: ${dataDir}    Stop: Ctrl-C\n`)
  console.log(JSON.stringify(node.ready))
}

function portOf(url: unknown): string {
  return new URL(String(url)).port
}

async function stop(exitCode = 0): Promise<void> {
  await stopChildren()
  process.exit(exitCode)
}

process.once('SIGINT', () => void stop())
process.once('SIGTERM', () => void stop())
process.once('uncaughtException', (error) => {
  console.error(error)
  void stop(1)
})

try {
  await start()
} catch (error) {
  console.error(sentenceOf(error))
  await stop(1)
}

function sentenceOf(error: unknown): unknown {
  const { code, port } = error as NodeJS.ErrnoException & { port?: number }
  if (code === 'EADDRINUSE')
    return `Port ${port}, where a simulated device was, is in use by another program. Stop it and start again.`
  return error instanceof ChildExit ? error.message : error
}
