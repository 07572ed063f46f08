import { keepFocus } from './focus.ts'

/** One thing that a person asks for at a time: whether it is under way, and what stood in its way the last time. */
export class Attempt {
  isBusy = $state(false)
  error = $state<unknown>()

  run(work: () => Promise<unknown>): Promise<void> {
    return keepFocus(async () => {
      this.isBusy = true
      this.error = undefined
      try {
        await work()
      } catch (problem) {
        this.error = problem
      }
      this.isBusy = false
    })
  }
}
