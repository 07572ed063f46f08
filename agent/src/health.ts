/** The health page on loopback and the host facts of a heartbeat. A busy port is a warning, not a failure. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { arch, freemem, hostname, loadavg, release, totalmem, type, uptime } from 'node:os'
import type { Host } from '@travessia/schemas/reports'
import type { Logger } from 'pino'
import { lanAddresses } from './network.ts'

export function hostFacts(): Host {
  return {
    hostname: hostname(),
    os: `${type()} ${release()}`.slice(0, 200),
    arch: arch(),
    lanAddresses: lanAddresses().slice(0, 32),
    load: loadavg()[0] ?? 0,
    memoryUsedBytes: totalmem() - freemem(),
    memoryTotalBytes: totalmem(),
    uptimeSeconds: Math.round(uptime()),
  }
}

/** `port` undefined: not listening (yet). */
export type HealthPage = { readonly port: () => number | undefined; stop(): void }

export function startHealthPage(port: number, state: () => object, log: Logger): HealthPage {
  const server = createServer((request, response) => {
    // A page in this host's browser could reach it under a name of its own (DNS rebinding).
    const isOwnName = /^(127\.0\.0\.1|localhost)(:\d+)?$/.test(request.headers.host ?? '')
    const isHealth = isOwnName && request.method === 'GET' && request.url === '/health'
    response.writeHead(isHealth ? 200 : 404, { 'content-type': 'application/json' })
    response.end(JSON.stringify(isHealth ? state() : { code: 'NOT_FOUND' }))
  })
  server.on('error', (error) => log.warn({ err: error, port }, 'health page not available'))
  server.listen(port, '127.0.0.1')
  server.unref()
  return {
    port: () => (server.address() as AddressInfo | null)?.port,
    stop: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}
