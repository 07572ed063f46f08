/**
 * A cloud node that records no exchanges: what the tunnel costs without its log (DESIGN 10, "recording off").
 * Sessions, devices and people are recorded as ever. Only bench/ composes it.
 */
import { pino } from 'pino'
import { createCloudNode } from '../api/src/cloud-node.ts'
import { readConfig } from '../api/src/config.ts'
import { bindFrontDoor } from '../api/src/front-door.ts'
import type { Appended, EventStore } from '../api/src/store/event-store.ts'
import { openLog } from '../api/src/store/open-log.ts'

const exchangeFacts = new Set([
  'HttpRequestForwarded',
  'HttpResponseReceived',
  'HttpExchangeFailed',
  'WebSocketOpened',
  'WebSocketClosed',
])
const nowhere: Promise<Appended> = Promise.resolve({ position: 0, version: 0 })

const config = readConfig()
const log = pino({ level: config.LOG_LEVEL })
const door = await bindFrontDoor(config)
const node = await createCloudNode(config, log, { door, openStore: openNullStore })
process.once('SIGTERM', () => void node.stop().then(() => process.exit(0)))
console.log(JSON.stringify({ msg: 'ready', ...(await node.start()) }))

async function openNullStore(...where: Parameters<typeof openLog>): Promise<EventStore> {
  const store = await openLog(...where)
  for (const name of ['append', 'take'] as const) {
    const write = store[name].bind(store)
    store[name] = (wanted) =>
      wanted.events.every(({ type }) => exchangeFacts.has(type)) ? nowhere : write(wanted)
  }
  return store
}
