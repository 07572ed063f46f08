/**
 * Something that the server knows: loaded, loaded again, with the last good answer kept for when there is no
 * network (cleared at sign-out).
 */
import { get as recall, set as remember } from 'idb-keyval'
import { ApiError, get, noNetwork } from '../api.ts'

export class Resource<T> {
  value = $state<T>()
  error = $state<ApiError>()
  /** true: `value` is from an earlier visit. */
  isStale = $state(false)
  readonly #path: string

  constructor(path: string) {
    this.#path = path
    void this.load()
  }

  async load(): Promise<void> {
    try {
      this.value = await get<T>(this.#path)
      this.error = undefined
      this.isStale = false
      await remember(this.#path, $state.snapshot(this.value)).catch(() => undefined)
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      this.error = error
      if (error.code === noNetwork && this.value === undefined) {
        this.value = await recall<T>(this.#path).catch(() => undefined)
        this.isStale = this.value !== undefined
      }
    }
  }
}
