/** Loaded into a process with `--import`: counts its writes to TCP sockets and writes the number to a file at SIGUSR2. */
import { once } from 'node:events'
import { renameSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { isMainThread } from 'node:worker_threads'

/** How Node's streams hand bytes to the system: each call is one `write` or `writev`, if the socket has room. */
const kinds = [
  ...['writeBuffer', 'writev', 'writeLatin1String', 'writeUtf8String'],
  ...['writeAsciiString', 'writeUcs2String'],
]
type Handle = Record<string, (...given: unknown[]) => unknown>

const file = process.env['BENCH_WRITES_FILE']
let count = 0

if (isMainThread && file !== undefined) {
  const handle = await prototypeOfSockets()
  for (const kind of kinds) {
    const write = handle[kind]
    if (!write) throw new TypeError(`this Node has no ${kind}`)
    handle[kind] = function (...given) {
      count += 1
      return write.apply(this, given)
    }
  }
  process.on('SIGUSR2', () => {
    writeFileSync(`${file}.new`, String(count))
    renameSync(`${file}.new`, file)
  })
}

/** Not importable: taken from a socket that listens for a moment. */
async function prototypeOfSockets(): Promise<Handle> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { _handle } = server as unknown as { _handle: object }
  server.close()
  return Object.getPrototypeOf(_handle) as Handle
}
