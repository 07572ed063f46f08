/** What people would use instead of Travessia, each started beside it with the same device behind. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../rig/free-port.ts'
import { launchListening, launchReady, pathOf, run } from '../processes.ts'
import type { Place, Running } from '../variants.ts'

/** sshd refuses to start without its folder for unprivileged children; the package's service makes it. */
const sshdFolder = '/run/sshd'

export async function startNodeProxy({ directory, device }: Place): Promise<Running> {
  const { pid, ready } = await launchReady({
    args: ['bench/baselines/node-proxy.ts', `http://127.0.0.1:${device.port}`],
    logFile: `${directory}.log`,
  })
  return runningAt(Number(ready['port']), { gateway: [pid], agent: [], device: [device.pid] })
}

export async function startJsonRelay({ directory, device }: Place): Promise<Running> {
  const port = await freePort()
  const deviceUrl = `http://127.0.0.1:${device.port}`
  const gateway = await launchListening(
    {
      args: ['bench/baselines/json-relay-gateway.ts', String(port), deviceUrl],
      logFile: `${directory}-gateway.log`,
    },
    port,
  )
  const url = `ws://127.0.0.1:${port}/ws/connectors`
  const logFile = `${directory}-agent.log`
  const agent = await launchReady({
    args: ['bench/baselines/json-relay-agent.ts', url],
    logFile,
  })
  return runningAt(port, { gateway: [gateway.pid], agent: [agent.pid], device: [device.pid] })
}

export async function startBareTunnel({ directory, device }: Place): Promise<Running> {
  const [port, linkPort] = [await freePort(), await freePort()]
  const gateway = await launchListening(
    {
      args: ['bench/baselines/bare-gateway.ts', String(port), String(linkPort)],
      logFile: `${directory}-gateway.log`,
    },
    port,
  )
  const agent = await launchReady({
    args: ['bench/baselines/bare-agent.ts', String(linkPort), `http://127.0.0.1:${device.port}`],
    logFile: `${directory}-agent.log`,
  })
  return runningAt(port, { gateway: [gateway.pid], agent: [agent.pid], device: [device.pid] })
}

export function sshMissing(): string | undefined {
  if (pathOf('sshd') === undefined) return 'Debian package openssh-server'
  if (pathOf('ssh') === undefined) return 'Debian package openssh-client'
  if (!existsSync(sshdFolder) && process.getuid?.() !== 0) return `the folder ${sshdFolder}`
  return undefined
}

/** As its defaults have it; own keys, an own server on a free port, nothing of the user's configuration. */
export async function startSsh({ directory, device }: Place): Promise<Running> {
  mkdirSync(directory, { mode: 0o700 })
  mkdirSync(sshdFolder, { recursive: true, mode: 0o755 })
  const file = (name: string) => join(directory, name)
  for (const name of ['host', 'user'])
    await run({
      command: 'ssh-keygen',
      args: ['-q', '-t', 'ed25519', '-N', '', '-f', file(name)],
      logFile: file('keygen.log'),
    })
  const [port, remotePort] = [await freePort(), await freePort()]
  const hostKey = readFileSync(file('host.pub'), 'utf8')
  writeFileSync(file('known_hosts'), `[127.0.0.1]:${port} ${hostKey}`)
  writeFileSync(file('sshd_config'), serverConfiguration(file, port))
  const server = await launchListening(
    {
      command: String(pathOf('sshd')),
      args: ['-D', '-e', '-f', file('sshd_config')],
      logFile: file('sshd.log'),
    },
    port,
  )
  const settings = ['UserKnownHostsFile', 'IdentityFile'].map((name, place) => [
    '-o',
    `${name}=${file(['known_hosts', 'user'][place] ?? '')}`,
  ])
  const forwarded = ['-R', `127.0.0.1:${remotePort}:127.0.0.1:${device.port}`]
  const client = await launchListening(
    {
      command: 'ssh',
      args: [
        ...['-N', '-F', 'none', '-p', String(port), '-o', 'ExitOnForwardFailure=yes'],
        ...[...settings.flat(), ...forwarded, '127.0.0.1'],
      ],
      logFile: file('ssh.log'),
    },
    remotePort,
  )
  const pids = { gateway: [server.pid], agent: [client.pid], device: [device.pid] }
  return runningAt(remotePort, pids)
}

function serverConfiguration(file: (name: string) => string, port: number): string {
  return `Port ${port}
ListenAddress 127.0.0.1
HostKey ${file('host')}
AuthorizedKeysFile ${file('user.pub')}
PidFile none
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
PasswordAuthentication no
`
}

function runningAt(port: number, pids: Running['pids']): Running {
  return { url: `http://127.0.0.1:${port}`, headers: {}, pids }
}
