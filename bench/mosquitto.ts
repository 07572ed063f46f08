/** Debian's mosquitto between node and agents, with the access list that docs/protocol.md tells operators to copy. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../rig/free-port.ts'
import { launchListening, pathOf } from './processes.ts'

const documentation = join(import.meta.dirname, '../docs/protocol.md')

export type RunningBroker = { readonly pid: number; readonly nodeUrl: string }

export function mosquittoMissing(): string | undefined {
  return pathOf('mosquitto') === undefined ? 'Debian package mosquitto' : undefined
}

/** @param directory exists */
export async function startMosquitto(directory: string): Promise<RunningBroker> {
  const port = await freePort()
  const [aclFile, configFile] = [join(directory, 'acl'), join(directory, 'mosquitto.conf')]
  const rules = /```mosquitto\n([^`]+)```/.exec(readFileSync(documentation, 'utf8'))?.[1]
  if (rules === undefined) throw new Error('docs/protocol.md holds no access list')
  writeFileSync(aclFile, rules, { mode: 0o600 })
  const lines = [
    ...[`listener ${port} 127.0.0.1`, 'allow_anonymous true', 'set_tcp_nodelay true'],
    // As root it would become the user `mosquitto`, who cannot read what lies here.
    ...['user root', `acl_file ${aclFile}`, 'max_queued_messages 0', 'max_inflight_messages 0'],
  ]
  writeFileSync(configFile, `${lines.join('\n')}\n`)
  const { pid } = await launchListening(
    {
      command: String(pathOf('mosquitto')),
      args: ['-c', configFile],
      logFile: join(directory, 'mosquitto.log'),
    },
    port,
  )
  return { pid, nodeUrl: `mqtt://travessia-node:bench@127.0.0.1:${port}` }
}
