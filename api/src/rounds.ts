/** For what is done again and again, at once and then each `everyMs`: never two at once; what fails is tried again in the next. */
export function createRounds(
  everyMs: number,
  act: () => Promise<unknown>,
  failed: (error: unknown) => void,
) {
  let timer: NodeJS.Timeout | undefined
  let running: Promise<unknown> | undefined
  const round = () => {
    running ??= act()
      .catch(failed)
      .finally(() => {
        running = undefined
      })
    return running
  }
  return {
    /** One now, if none is under way. */
    wake(): void {
      void round()
    },
    /** Resolves after the first one. */
    async start(): Promise<void> {
      timer = setInterval(round, everyMs)
      await round()
    },
    /** Resolves after the one under way; there is no other. */
    async stop(): Promise<void> {
      clearInterval(timer)
      await running
    },
  }
}
