/**
 * That whoever asked is gone, told once. An AbortController and its listener cost as much as all that is done for the
 * head of a small request.
 */
export class Departure {
  #isOver = false
  #listener: (() => void) | undefined

  get aborted(): boolean {
    return this.#isOver
  }

  abort(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#listener?.()
  }

  /** One listener: a new one takes the place of the one before. */
  onAbort(listener: () => void): void {
    this.#listener = listener
  }
}

export type Leaving = AbortSignal | Departure

export function onceGone(leaving: Leaving, act: () => void): void {
  if (leaving.aborted) act()
  else if (leaving instanceof Departure) leaving.onAbort(act)
  else leaving.addEventListener('abort', act, { once: true })
}

/** For who takes nothing else. */
export function signalOf(leaving: Leaving): AbortSignal {
  if (!(leaving instanceof Departure)) return leaving
  const controller = new AbortController()
  onceGone(leaving, () => controller.abort())
  return controller.signal
}
