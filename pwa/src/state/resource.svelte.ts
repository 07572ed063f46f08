/** Something that the server knows: loaded, loaded again, and the last good answer when there is no network. */
import { ApiError, get, noNetwork } from '../api.ts'
import { recall, remember } from './snapshot.ts'

export class Resource<T> {
  value = $state<T>()
  error = $state<ApiError>()
  /** Set: `value` is from an earlier visit, this is when. */
  seenAt = $state<string>()
  readonly #path: string

  constructor(path: string) {
    this.#path = path
    void this.load()
  }

  async load(): Promise<void> {
    try {
      this.value = await get<T>(this.#path)
      this.error = undefined
      this.seenAt = undefined
      await remember(this.#path, $state.snapshot(this.value))
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      this.error = error
      if (error.code !== noNetwork || this.value !== undefined) return
      const last = await recall<T>(this.#path)
      this.value = last?.value
      this.seenAt = last?.seenAt
    }
  }
}
