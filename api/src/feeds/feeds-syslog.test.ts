import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { append, event } from '../store/conformance-events.ts'
import { CustomerFeeds } from './feeds.fixture.ts'

let customer: CustomerFeeds
beforeEach(async () => {
  customer = await CustomerFeeds.start()
})
afterEach(() => customer.stop())

/** Reads to the end, then ends too, unless it breaks off first. */
async function syslogReceiver(breaks = 0) {
  const taken: string[] = []
  let count = 0
  const server = createServer({ allowHalfOpen: true }, (socket: Socket) => {
    count += 1
    let text = ''
    if (count <= breaks) {
      socket.once('data', () => socket.resetAndDestroy())
      return
    }
    socket.setEncoding('utf8').on('data', (more: string) => {
      text += more
    })
    socket.on('end', () => {
      taken.push(text)
      socket.end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { url: `syslog+tcp://127.0.0.1:${port}`, taken }
}

/** Messages by their octet counts [RFC 6587 3.4.1]. */
function framesOf(text: string): string[] {
  const bytes = Buffer.from(text)
  const frames: string[] = []
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at)
    const length = Number(bytes.subarray(at, space).toString())
    frames.push(bytes.subarray(space + 1, space + 1 + length).toString())
    at = space + 1 + length
  }
  return frames
}

test('syslog gets the same as RFC 5424 messages counted in octets, and again what broke off', async () => {
  const { url, taken } = await syslogReceiver(2)
  await customer.add(url, 'syslog')
  await customer.deps.store.append(
    append({ tenantId: customer.tenantId, events: [event({ correlationId: 'ção €' })] }),
  )
  await vi.waitFor(() => expect(taken.flatMap(framesOf)).toHaveLength(2), 10_000)
  const [, frame = ''] = taken.flatMap(framesOf)
  const [head, json = ''] = frame.split(/ - (?={)/)
  expect(head).toMatch(
    /^<109>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z travessia travessia - UserSignedOut$/,
  )
  expect(JSON.parse(json)).toMatchObject({ position: 2, correlationId: 'ção €' })
})
