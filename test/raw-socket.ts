/** Bytes as they are, to a port: for requests that no HTTP client would send. */
import { connect } from 'node:net'
import { expect } from 'vitest'

const patienceMs = 30_000

export type RawAnswer = {
  /** undefined: the connection ended without an HTTP answer. */
  readonly status: number | undefined
  /** Of the problem details, or of the header that pages carry it in. */
  readonly code: string | undefined
  readonly text: string
}

/** Sends the pieces and reads until the other end closes. @throws Error when it never does */
export async function sendRaw(
  port: number,
  ...pieces: ReadonlyArray<string | Buffer>
): Promise<RawAnswer> {
  const text = await new Promise<string>((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    const chunks: Buffer[] = []
    const timer = setTimeout(() => {
      socket.destroy()
      reject(new Error(`open after ${patienceMs} ms: ${String(pieces[0]).slice(0, 200)}`))
    }, patienceMs)
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('error', () => undefined)
    socket.once('close', () => {
      clearTimeout(timer)
      resolve(Buffer.concat(chunks).toString('latin1'))
    })
    for (const piece of pieces) socket.write(typeof piece === 'string' ? latin1(piece) : piece)
  })
  const status = /^HTTP\/1\.1 (\d{3})/.exec(text)?.[1]
  const code = /"code":"(\w+)"/.exec(text)?.[1] ?? /x-travessia-error: (\w+)/i.exec(text)?.[1]
  return { status: status === undefined ? undefined : Number(status), code, text }
}

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1')
}

export function portOf(url: string): number {
  return Number(new URL(url).port)
}

/** The head of a request to this host. */
export const head = (line: string, name: string, ...fields: string[]) =>
  `${[line, `Host: ${name}`, ...fields, 'Connection: close'].join('\r\n')}\r\n\r\n`

/** A 4xx or a closed connection, without a word of our insides. */
export function expectRefused(answer: RawAnswer, what: string): void {
  const isRefused = answer.status === undefined || (answer.status >= 400 && answer.status < 500)
  expect([what.slice(0, 80), answer.status, isRefused]).toEqual([
    what.slice(0, 80),
    answer.status,
    true,
  ])
  expect(answer.text).not.toMatch(/\n\s+at .*(\.ts|\.js|node:)/)
  expect(answer.text).not.toMatch(/\/src\/|node_modules/)
}
