/** One timer for every relative time on the screen. */
class Now {
  ms = $state(Date.now())

  constructor() {
    setInterval(() => {
      this.ms = Date.now()
    }, 1_000)
  }
}

export const now = new Now()
