/** The device at the far end: nginx with three files of random bytes. */
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../rig/free-port.ts'
import { launchListening, pathOf } from './processes.ts'

export const sizes = { '/1k': 1024, '/100k': 100 * 1024, '/10m': 10 * 1024 * 1024 } as const
export type FilePath = keyof typeof sizes

export type Device = {
  readonly port: number
  readonly pid: number
  readonly digests: Readonly<Record<FilePath, string>>
}

export async function startDevice(directory: string): Promise<Device> {
  const command = pathOf('nginx')
  if (command === undefined) throw new Error('Debian package nginx is missing: nothing to measure')
  const root = join(directory, 'device')
  mkdirSync(root, { recursive: true })
  const digests = Object.fromEntries(
    Object.entries(sizes).map(([path, bytes]) => {
      const content = randomBytes(bytes)
      writeFileSync(join(root, path), content)
      return [path, digestOf(content)]
    }),
  ) as Record<FilePath, string>
  const port = await freePort()
  const configFile = join(directory, 'nginx.conf')
  writeFileSync(configFile, configuration(directory, root, port))
  const args = ['-c', configFile, '-e', join(directory, 'nginx.log')]
  const logFile = join(directory, 'nginx.log')
  const { pid } = await launchListening({ command, args, logFile }, port)
  return { port, pid, digests }
}

export function digestOf(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}

function configuration(directory: string, root: string, port: number): string {
  const scratch = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return `daemon off;
${process.getuid?.() === 0 ? 'user root;' : ''}
worker_processes 1;
pid ${join(directory, 'nginx.pid')};
events { worker_connections 1024; }
http {
  access_log off;
  default_type application/octet-stream;
  sendfile on;
  tcp_nodelay on;
  keepalive_timeout 1h;
  keepalive_requests 1000000000;
  ${scratch.map((name) => `${name}_temp_path ${join(directory, name)};`).join('\n  ')}
  server { listen 127.0.0.1:${port}; root ${root}; }
}
`
}
