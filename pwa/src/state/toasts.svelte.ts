/** A short message that goes away by itself, or when the next one comes; read aloud. */
import { errorSentence } from '../text.ts'

const shownMs = 5_000

class Toasts {
  items = $state<Array<{ id: number; text: string; kind: 'info' | 'error' }>>([])
  #next = 1

  show(text: string, kind: 'info' | 'error' = 'info'): void {
    const id = this.#next
    this.#next += 1
    this.items = [{ id, text, kind }]
    setTimeout(() => this.dismiss(id), shownMs)
  }

  /** Says what stood in the way, if something did. */
  async attempt(work: () => Promise<unknown>): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.show(errorSentence(error), 'error')
    }
  }

  dismiss(id: number): void {
    this.items = this.items.filter((item) => item.id !== id)
  }
}

export const toasts = new Toasts()
