/** So many pages of a customer's lists at once. People are refused beyond it; who has patience waits in line, and takes a part of the room at most. */
import { TravessiaError } from '@travessia/schemas/errors'

/** Under way, of one customer: they wait for each other, and for what others ask. */
const maxPages = 32
const maxPatient = 8
const longestTurnMs = 30_000

type Line = { pages: number; patient: number; readonly waiting: Set<() => void> }

export class PageTurns {
  /** Of customers who ask something now. */
  readonly #lines = new Map<string, Line>()

  /**
   * @param patience waits for its turn, until this is aborted or for half a minute
   * @throws TravessiaError NODE_BUSY; what `patience` was aborted with
   */
  async take<T>(tenantId: string, page: () => Promise<T>, patience?: AbortSignal): Promise<T> {
    const line = this.#lines.get(tenantId) ?? { pages: 0, patient: 0, waiting: new Set() }
    this.#lines.set(tenantId, line)
    try {
      if (!patience) this.#begin(line)
      else await this.#turnOf(line, patience)
      try {
        return await page()
      } finally {
        line.pages -= 1
        if (patience) line.patient -= 1
        admit(line)
      }
    } finally {
      if (line.pages + line.waiting.size === 0) this.#lines.delete(tenantId)
    }
  }

  #begin(line: Line): void {
    if (line.pages >= maxPages) throw new TravessiaError('NODE_BUSY')
    line.pages += 1
  }

  async #turnOf(line: Line, patience: AbortSignal): Promise<void> {
    patience.throwIfAborted()
    const turn = Promise.withResolvers<void>()
    line.waiting.add(turn.resolve)
    admit(line)
    if (!line.waiting.has(turn.resolve)) return
    const end = (why: unknown) => {
      if (line.waiting.delete(turn.resolve)) turn.reject(why)
    }
    const left = () => end(patience.reason)
    patience.addEventListener('abort', left)
    const timer = setTimeout(() => end(new TravessiaError('NODE_BUSY')), longestTurnMs)
    await turn.promise.finally(() => {
      clearTimeout(timer)
      patience.removeEventListener('abort', left)
    })
  }
}

/** The first in line, if there is room: whoever asks after it comes after it. */
function admit(line: Line): void {
  const [next] = line.waiting
  if (!next || line.pages >= maxPages || line.patient >= maxPatient) return
  line.waiting.delete(next)
  line.pages += 1
  line.patient += 1
  next()
}
