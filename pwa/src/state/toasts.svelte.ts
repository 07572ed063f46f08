/** A short message that goes away by itself, or when the next one comes; read aloud. An error stays until tapped. */
import { ApiError, noNetwork } from '../api.ts'
import { m } from '../paraglide/messages.js'
import { errorSentence } from '../text.ts'

const shownMs = 5_000

class Toasts {
  items = $state<Array<{ id: number; text: string; kind: 'info' | 'error' }>>([])
  #next = 1

  show(text: string, kind: 'info' | 'error' = 'info'): void {
    const id = this.#next
    this.#next += 1
    this.items = [{ id, text, kind }]
    if (kind === 'info') setTimeout(() => this.dismiss(id), shownMs)
  }

  /** Says what stood in the way, if something did. */
  async attempt(work: () => Promise<unknown>): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.show(`${errorSentence(error)} ${referenceOf(error)}`.trim(), 'error')
    }
  }

  async copy(text: string, done: string): Promise<void> {
    try {
      await navigator.clipboard.writeText(text)
      this.show(done)
    } catch {
      this.show(m.copy_refused(), 'error')
    }
  }

  dismiss(id: number): void {
    this.items = this.items.filter((item) => item.id !== id)
  }
}

function referenceOf(error: unknown): string {
  const id = error instanceof ApiError && error.code !== noNetwork && error.problem.correlationId
  return id ? m.error_correlation({ id }) : ''
}

export const toasts = new Toasts()
