/**
 * Phones that open gates, one lane per gate, until enough commands were answered 202. A tap keeps its key until it
 * has an answer, and other phones repeat it at random. A lane goes on when its command has ended or expired.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type CommandStatus, isTerminal } from '@travessia/schemas/commands'
import type { Api } from '../../rig/api.ts'
import { moment } from './device-plug.ts'
import type { Gate } from './field.ts'
import type { Tap } from './judge.ts'
import { createRandom, type Random } from './random.ts'

const directions = ['clockwise', 'anticlockwise', 'both'] as const
const repeatShare = 0.25
const settleMs = 1_000
/** Until the node gives up, and a restart in the worst moment. */
const outcomeMs = 40_000

type PhonesOptions = {
  readonly wanted: number
  readonly seed: number
  /** The lane's phone; asked again when its token has expired. */
  readonly phone: (lane: number) => Promise<Api>
  readonly signal: AbortSignal
}
type Issued = { readonly commandId: string; readonly expiresAt: string }
type Lane = { api: Api; readonly gate: Gate; readonly random: Random; readonly address: string }

export class Phones {
  readonly taps: Tap[] = []
  readonly #options: PhonesOptions
  readonly #open = new Map<string, { readonly lane: Lane; readonly expiresAt: number }>()
  #accepted = 0
  #underWay = 0

  constructor(options: PhonesOptions) {
    this.#options = options
  }

  /** Commands answered 202. */
  get accepted(): number {
    return this.#accepted
  }

  /** Resolves when all have been accepted. */
  async run(gates: readonly Gate[]): Promise<void> {
    const { phone, seed } = this.#options
    await Promise.all(
      gates.map(async (gate) => {
        const random = createRandom(seed, `lane ${gate.lane}`)
        const address = `10.0.0.${gate.lane + 1}`
        await this.#work({ api: await phone(gate.lane), gate, random, address })
      }),
    )
  }

  /** Every accepted command has an outcome, or its time for one is over. */
  async settled(): Promise<void> {
    for (const [id, { lane, expiresAt }] of this.#open) {
      while (moment() < expiresAt + outcomeMs && !(await this.#hasEnded(lane, id))) await sleep(200)
      this.#open.delete(id)
    }
  }

  async #work(lane: Lane): Promise<void> {
    const { signal, seed, wanted } = this.#options
    for (let n = 0; !signal.aborted; n += 1) {
      while (this.#accepted + this.#underWay >= wanted && this.#accepted < wanted) await sleep(50)
      if (this.#accepted >= wanted) return
      const tap: Tap = {
        ...{ lane: lane.gate.lane, key: `${seed}-${lane.gate.lane}-${n}` },
        direction: directions[n % directions.length] ?? 'both',
        ...{ sentAt: moment(), answer: undefined, repeatedIds: [] },
      }
      this.taps.push(tap)
      this.#underWay += 1
      const issued = await this.#tap(lane, tap)
      this.#underWay -= 1
      if (issued) await this.#follow(lane, issued)
      else await sleep(lane.random.between(100, 500))
    }
  }

  /** undefined: refused at once, the agent is away. */
  async #tap(lane: Lane, tap: Tap): Promise<Issued | undefined> {
    const { random } = lane
    const expiresInMs = random.between(800, 5_000)
    const repeats = Array.from({ length: random() < repeatShare ? random.between(1, 3) : 0 }, () =>
      random.between(0, 300),
    )
    const again = repeats.map(async (afterMs) => {
      await sleep(afterMs)
      const { status, commandId } = await this.#send(lane, tap, expiresInMs)
      if (status === 202 && commandId) tap.repeatedIds.push(commandId)
    })
    let issued: Issued | undefined
    while (!tap.answer && !this.#options.signal.aborted) {
      const { status, code, ...body } = await this.#send(lane, tap, expiresInMs)
      if (status === 202) {
        issued = body as Issued
        tap.answer = { status, commandId: issued.commandId }
        this.#accepted += 1
      } else if (code?.startsWith('AGENT_')) tap.answer = { status }
      else if (status === 401) lane.api = await this.#options.phone(lane.gate.lane)
      else await sleep(random.between(50, 300))
    }
    await Promise.all(again)
    return issued
  }

  /** Status 0: no answer. */
  async #send({ api, gate, address }: Lane, { key, direction }: Tap, expiresInMs: number) {
    const body = { command: 'OpenGate', args: { direction }, expiresInMs }
    const headers = { 'idempotency-key': key, 'x-forwarded-for': address }
    const path = `/api/devices/${gate.deviceId}/commands`
    const answer = await api
      .call<Partial<Issued> & { code?: string }>('POST', path, body, headers)
      .catch(() => undefined)
    // The body has a status of its own, the command's.
    return { ...answer?.body, status: answer?.status ?? 0, code: answer?.body.code }
  }

  async #follow(lane: Lane, { commandId, expiresAt }: Issued): Promise<void> {
    const expiry = Date.parse(expiresAt)
    let waitMs = 15
    while (moment() < expiry + settleMs) {
      await sleep(waitMs)
      if (await this.#hasEnded(lane, commandId)) return
      waitMs = Math.min(200, waitMs * 2)
    }
    this.#open.set(commandId, { lane, expiresAt: expiry })
  }

  async #hasEnded({ api, address }: Lane, commandId: string): Promise<boolean> {
    const headers = { 'x-forwarded-for': address }
    const path = `/api/commands/${commandId}`
    const state = await api
      .call<{ status: CommandStatus }>('GET', path, undefined, headers)
      .catch(() => undefined)
    return state?.status === 200 && isTerminal(state.body.status)
  }
}
