/** The device's end of the bare tunnel. */
import { connect } from 'node:net'
import { Pool } from 'undici'
import { type BareFrame, bareWriter, perHop, readBareFrames } from './bare-tunnel.ts'

const maxWaitingBytes = 1024 * 1024

const [linkPort, deviceUrl] = process.argv.slice(2).map(String)
const pool = new Pool(String(deviceUrl), { connections: 64, pipelining: 1 })
const socket = connect({
  port: Number(linkPort),
  host: '127.0.0.1',
  noDelay: true,
}).setMaxListeners(0)
const send = bareWriter(socket)
socket.once('connect', () => console.log(JSON.stringify({ msg: 'ready' })))
socket.once('close', () => process.exit(0))
readBareFrames(socket, forward)

function forward({ id, head: asked }: BareFrame): void {
  const [method, path, headers] = JSON.parse(asked) as ['GET', string, string[]]
  let head = ''
  let pieces: Buffer[] = []
  const flush = (isLast: boolean) => {
    const [only] = pieces
    const body = only && pieces.length === 1 ? only : Buffer.concat(pieces)
    send({ id, isLast, head, body })
    head = ''
    pieces = []
  }
  pool.dispatch(
    { method, path, headers },
    {
      onRequestStart: () => undefined,
      onResponseStart({ rawHeaders }, status) {
        const texts = ((rawHeaders ?? []) as Buffer[]).map((text) => text.toString('latin1'))
        const isKept = (at: number) => !perHop.has((texts[at - (at % 2)] ?? '').toLowerCase())
        head = JSON.stringify([status, texts.filter((_, at) => isKept(at))])
      },
      onResponseData(controller, piece) {
        pieces.push(piece)
        // A small answer is over in this turn, and goes in one frame.
        if (pieces.length === 1) setImmediate(() => pieces.length > 0 && flush(false))
        if (socket.writableLength < maxWaitingBytes) return
        controller.pause()
        socket.once('drain', () => controller.resume())
      },
      onResponseEnd: () => flush(true),
      onResponseError: (_controller, error) => {
        throw error
      },
    },
  )
}
