/** Ports that nobody else has. */
import { createServer } from 'node:net'

export const freePorts = {
  TRAVESSIA_HTTP_PORT: '0',
  TRAVESSIA_WS_PORT: '0',
  TRAVESSIA_REMOTE_PORT: '0',
  TRAVESSIA_MQTT_PORT: '0',
}

/**
 * For what must be known before it listens, or be the same at its second start. Outside the range that the system gives
 * out itself; of those who look for one at the same time, each has its own part.
 */
export async function freePort(): Promise<number> {
  const part = Number(process.env['VITEST_POOL_ID'] ?? 0) % 4
  for (;;) {
    const port = 20_000 + part * 3_000 + Math.floor(Math.random() * 3_000)
    const server = createServer()
    const isFree = await new Promise<boolean>((done) => {
      server.once('error', () => done(false))
      server.listen(port, '127.0.0.1', () => server.close(() => done(true)))
    })
    if (isFree && !given.has(port)) {
      given.add(port)
      return port
    }
  }
}

const given = new Set<number>()
