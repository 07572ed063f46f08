/**
 * A cloud node that records no exchanges: what the tunnel costs without its log ("recording off").
 * Sessions, devices and people are recorded as ever. Only bench/ composes it.
 */
import { pino } from 'pino'
import { createCloudNode } from '../api/src/cloud-node.ts'
import { readConfig } from '../api/src/config.ts'
import { bindFrontDoor } from '../api/src/front-door.ts'
import type { Append, Appended, EventStore } from '../api/src/store/event-store.ts'
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
  const isDropped = ({ events }: Append) => events.every(({ type }) => exchangeFacts.has(type))
  const [append, take] = [store.append.bind(store), store.take.bind(store)]
  store.append = (wanted) => (isDropped(wanted) ? nowhere : append(wanted))
  store.take = (wanted, haste) => (isDropped(wanted) ? nowhere : take(wanted, haste))
  return store
}
