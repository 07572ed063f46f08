/** Stands between a store and PostgreSQL and cuts the connection at the worst moment: while it commits. */
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const socketName = '.s.PGSQL.5432'
const asked = Buffer.from('commit\0')
const answered = Buffer.from('COMMIT\0')

/** What an administrator's end of a connection looks like. */
export function fatalMessage(): Buffer {
  const fields = Buffer.from('SFATAL\0VFATAL\0C57P01\0Mterminating connection\0\0')
  const head = Buffer.alloc(5)
  head.write('E')
  head.writeInt32BE(fields.length + 4, 1)
  return Buffer.concat([head, fields])
}

export class CuttingProxy {
  readonly directory = mkdtempSync(join(tmpdir(), 'travessia-cut-'))
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  /** The next commit: `asked`, it never arrives; `answered`, it is done and nobody hears of it. Once. */
  cuts: 'asked' | 'answered' | undefined
  /** Comes in one piece with the next answer, when nobody waits for more. Once. */
  appended: Buffer | undefined
  /** New connections end at once. */
  isClosed = false

  /** @param behind the folder of the server's socket */
  constructor(behind: string) {
    this.#server = createServer((client) => this.#pass(client, join(behind, socketName)))
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.listen(join(this.directory, socketName), resolve)
    })
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
    rmSync(this.directory, { recursive: true, force: true })
  }

  #pass(client: Socket, path: string): void {
    if (this.isClosed) {
      client.destroy()
      return
    }
    const server = connect(path)
    const end = () => {
      for (const socket of [client, server]) socket.destroy()
    }
    const cut = () => {
      this.cuts = undefined
      end()
    }
    for (const socket of [client, server]) {
      this.#sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', end)
    }
    client.on('data', (bytes) => {
      if (this.cuts === 'asked' && bytes.includes(asked)) cut()
      else server.write(bytes)
    })
    server.on('data', (bytes) => {
      if (this.cuts === 'answered' && bytes.includes(answered)) cut()
      else client.write(this.appended ? Buffer.concat([bytes, this.appended]) : bytes)
      this.appended = undefined
    })
  }
}
