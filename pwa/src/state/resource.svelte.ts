/** Something that the server knows: loaded, loaded again, and the last good answer when there is no network. */
import { ApiError, get, noNetwork } from '../api.ts'
import { recall, remember } from './snapshot.ts'

export class Resource<T> {
  value = $state<T>()
  error = $state<ApiError>()
  /** Set: `value` is from an earlier visit, this is when. */
  seenAt = $state<string>()
  readonly #path: string
  readonly #ask: (path: string) => Promise<T>
  #asked = 0
  #shown = 0

  constructor(path: string, ask: (path: string) => Promise<T> = get) {
    this.#path = path
    this.#ask = ask
    void this.load()
  }

  async load(): Promise<void> {
    this.#asked += 1
    const turn = this.#asked
    try {
      const value = await this.#ask(this.#path)
      if (this.#isOld(turn)) return
      this.value = value
      this.error = undefined
      this.seenAt = undefined
      await remember(this.#path, $state.snapshot(this.value))
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      const isUnseen = error.code === noNetwork && this.value === undefined
      const last = isUnseen ? await recall<T>(this.#path) : undefined
      if (this.#isOld(turn)) return
      this.error = error
      if (!last) return
      this.value = last.value
      this.seenAt = last.seenAt
    }
  }

  /** It has answered, well or badly. */
  get isSettled(): boolean {
    return this.value !== undefined || this.error !== undefined
  }

  /** Told by the live stream: newer than whatever is still being fetched. */
  put(value: T): void {
    this.#asked += 1
    this.#shown = this.#asked
    this.value = value
    this.error = undefined
    this.seenAt = undefined
  }

  /** Answers may overtake each other: one to an earlier question shows nothing any more. */
  #isOld(turn: number): boolean {
    if (turn < this.#shown) return true
    this.#shown = turn
    return false
  }
}
