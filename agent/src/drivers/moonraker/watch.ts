/**
 * Watches Klipper over Moonraker's WebSocket: identify, ask whether Klipper is ready, subscribe, merge what changes.
 * One question in a while (`server.info`) tells a connection that hangs from a printer that rests.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { DeviceState } from '@travessia/schemas/device-state'
import { TravessiaError } from '@travessia/schemas/errors'
import { type Fields, fieldsOf, textOf } from '../answers.ts'
import type { DeviceSocket } from '../driver.ts'
import type { MoonrakerClient } from './client.ts'
import { JsonRpc, RpcError } from './json-rpc.ts'
import { filesOf, merged, objects, stateOf } from './state.ts'

export type Timing = {
  /** Between two tries to connect: first and at most; it doubles. */
  readonly retryMs: number
  readonly retryMaxMs: number
  readonly beatMs: number
  readonly answerMs: number
}
export const usualTiming: Timing = {
  ...{ retryMs: 1_000, retryMaxMs: 60_000, beatMs: 15_000, answerMs: 5_000 },
}

type Watch = {
  readonly client: MoonrakerClient
  readonly openSocket: DeviceSocket
  readonly apiKey: string | undefined
  readonly tell: (state: DeviceState) => void
}

const klippyChanges: ReadonlySet<string> = new Set([
  'notify_klippy_ready',
  'notify_klippy_shutdown',
  'notify_klippy_disconnected',
])

export function watchMoonraker(watch: Watch, timing: Timing): () => void {
  const stopped = new AbortController()
  const { signal } = stopped
  const run = async () => {
    let retryMs = timing.retryMs
    while (!signal.aborted) {
      const connection = new Connection(watch, timing, signal)
      const state = await connection.run().catch(stateOfError)
      if (signal.aborted) return
      watch.tell(state)
      if (connection.wasReady) retryMs = timing.retryMs
      await sleep(retryMs, undefined, { signal }).catch(() => undefined)
      retryMs = Math.min(timing.retryMaxMs, retryMs * 2)
    }
  }
  void run()
  return () => stopped.abort()
}

class Connection {
  readonly #watch: Watch
  readonly #timing: Timing
  readonly #stopped: AbortSignal
  #rpc: JsonRpc | undefined
  #status: Fields = {}
  #files: string[] = []
  /** One piece after the other, each kind waiting at most once; a failure ends the connection. */
  #work: Promise<void> = Promise.resolve()
  readonly #waiting = new Set<string>()
  wasReady = false

  constructor(watch: Watch, timing: Timing, stopped: AbortSignal) {
    this.#watch = watch
    this.#timing = timing
    this.#stopped = stopped
  }

  /** @returns when the connection has ended; @throws what kept it from beginning */
  async run(): Promise<DeviceState> {
    const { client, openSocket } = this.#watch
    const socket = await openSocket('/websocket', client.headers)
    const rpc = new JsonRpc(socket, this.#timing.answerMs, (method, params) =>
      this.#notified(method, params),
    )
    this.#rpc = rpc
    const close = () => rpc.close()
    const beat = setInterval(() => this.#beat(rpc), this.#timing.beatMs)
    this.#stopped.addEventListener('abort', close)
    try {
      if (this.#stopped.aborted) close()
      await this.#identify(rpc)
      await this.#readFiles()
      await this.#look(rpc)
      this.wasReady = true
      await rpc.closed
      return { status: 'offline' }
    } finally {
      clearInterval(beat)
      this.#stopped.removeEventListener('abort', close)
      rpc.close()
    }
  }

  /** Not as type `agent`: Moonraker takes only one of a name, and the last one may not have noticed its end. */
  async #identify(rpc: JsonRpc): Promise<void> {
    const { apiKey } = this.#watch
    await rpc.call('server.connection.identify', {
      ...{
        client_name: 'travessia',
        version: '1',
        type: 'other',
        url: '',
      },
      ...(apiKey === undefined ? {} : { api_key: apiKey }),
    })
  }

  async #look(rpc: JsonRpc): Promise<void> {
    const state = textOf(fieldsOf(await rpc.call('server.info'))['klippy_state'])
    if (state === 'ready') {
      const answer = await rpc.call('printer.objects.subscribe', { objects })
      this.#status = fieldsOf(fieldsOf(answer)['status'])
    } else {
      const info = fieldsOf(await rpc.call('printer.info').catch(() => undefined))
      this.#status = { webhooks: { state, state_message: textOf(info['state_message']) } }
    }
    this.#tell()
  }

  #notified(method: string, params: readonly unknown[]): void {
    const rpc = this.#rpc
    if (rpc && klippyChanges.has(method)) this.#then('look', () => this.#look(rpc))
    if (method === 'notify_filelist_changed') this.#then('files', () => this.#readFiles())
    if (method !== 'notify_status_update' || !('webhooks' in this.#status)) return
    this.#status = merged(this.#status, params[0])
    this.#tell()
  }

  #beat(rpc: JsonRpc): void {
    this.#then('beat', async () => {
      const { klippy_state: state } = fieldsOf(await rpc.call('server.info'))
      if (state !== fieldsOf(this.#status['webhooks'])['state']) await this.#look(rpc)
    })
  }

  /** Over HTTP, whose answers are bounded without ending the connection. */
  async #readFiles(): Promise<void> {
    const { answerMs } = this.#timing
    const signal = AbortSignal.any([this.#stopped, AbortSignal.timeout(answerMs)])
    const path = '/server/files/list?root=gcodes'
    const moment = { startWithinMs: () => answerMs, signal }
    this.#files = await this.#watch.client.get(path, moment).then(filesOf, () => this.#files)
    this.#tell()
  }

  #then(kind: string, work: () => Promise<void>): void {
    if (this.#waiting.has(kind)) return
    this.#waiting.add(kind)
    const begin = () => {
      this.#waiting.delete(kind)
      return work()
    }
    this.#work = this.#work.then(begin).catch(() => this.#rpc?.close())
  }

  #tell(): void {
    if (this.#stopped.aborted || !('webhooks' in this.#status)) return
    this.#watch.tell({ ...stateOf(this.#status), files: this.#files })
  }
}

function stateOfError(error: unknown): DeviceState {
  const isAnswer = error instanceof RpcError || error instanceof TravessiaError
  const reason = `${(error as Error).message} ${String((error as Error).cause ?? '')}`
  const isRefused = isAnswer && /\b40[13]\b|unauthori[sz]ed|forbidden/i.test(reason)
  return isRefused ? { status: 'unknown', detail: 'DEVICE_SIGN_IN_REFUSED' } : { status: 'offline' }
}
