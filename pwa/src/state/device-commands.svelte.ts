/**
 * The commands of one device: sent with an idempotency key that lives until the answer is known or the command is
 * over, so that trying again after a lost answer is the same command; followed until they end.
 */
import type { CommandState, Device, IssuedCommand } from '@travessia/schemas/api'
import { commandLifeMs, urgentCommands } from '@travessia/schemas/command-lives'
import type { CommandName } from '@travessia/schemas/commands'
import { ApiError, act, givenUp, noNetwork } from '../api.ts'
import { keepFocus } from './focus.ts'
import { Resource } from './resource.svelte.ts'
import { between, type Moment, present } from './server-time.ts'

export type Order = {
  readonly command: CommandName
  readonly args: Readonly<Record<string, unknown>>
  readonly confirm?: true
}

/** What every control of a device needs. */
export type Control = {
  readonly device: Device
  /** Name of the installation. */
  readonly place: string
  /** Why nothing can be commanded now; `''`: not known yet. */
  readonly obstacle: string | undefined
  readonly commands: DeviceCommands
}

const underWay: ReadonlySet<string> = new Set(['issued', 'delivered', 'running'])

export class DeviceCommands {
  readonly list: Resource<{ items: CommandState[] }>
  /** What stood in the way of the last one. */
  error = $state<unknown>()
  #sending = $state(0)
  #issuedId = $state<string>()
  readonly #path: string
  /** Of orders whose answer was lost. */
  readonly #keys = new Map<string, { readonly key: string; readonly since: Moment }>()

  constructor(deviceId: string) {
    this.#path = `/api/devices/${deviceId}/commands`
    this.list = new Resource(this.#path)
  }

  /** The last one sent from here. */
  get issued(): CommandState | undefined {
    return this.list.value?.items.find(({ id }) => id === this.#issuedId)
  }

  get isPending(): boolean {
    return this.#sending > 0 || underWay.has(this.issued?.status ?? '')
  }

  run(order: Order): Promise<void> {
    return keepFocus(async () => {
      this.#sending += 1
      this.error = undefined
      try {
        this.#issuedId = await this.give(order)
      } catch (problem) {
        this.error = problem
        navigator.vibrate?.([60, 40, 60])
      }
      this.#sending -= 1
    })
  }

  /** Beside the others: nothing here waits for it. @returns its id @throws ApiError */
  async give(order: Order): Promise<string> {
    const text = JSON.stringify(order)
    const lifeMs = commandLifeMs[order.command]
    try {
      const headers = { 'idempotency-key': this.#keyOf(text, lifeMs) }
      const isUrgent = urgentCommands.has(order.command)
      const sent = { body: order, headers, isUrgent }
      const { commandId } = await act<IssuedCommand>(this.#path, lifeMs, sent)
      this.#keys.delete(text)
      await this.list.load()
      return commandId
    } catch (problem) {
      // Not known whether it arrived: the same key again is the same command, and an expired one never runs.
      const code = problem instanceof ApiError && problem.code
      if (code !== noNetwork) this.#keys.delete(text)
      if (code === givenUp) void this.list.load()
      throw problem
    }
  }

  #keyOf(text: string, lifeMs: number): string {
    const kept = this.#keys.get(text)
    const age = kept && between(kept.since, present())
    if (kept && age !== undefined && age < lifeMs) return kept.key
    const key = crypto.randomUUID()
    this.#keys.set(text, { key, since: present() })
    return key
  }
}
