/** How drivers look at devices that do not speak up by themselves. */

/** Looks at once, and again after the ms that `look` says, until stopped. `look` never rejects. */
export function startPolling(look: (signal: AbortSignal) => Promise<number>): () => void {
  const abort = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const run = async () => {
    const pauseMs = await look(abort.signal)
    if (!abort.signal.aborted) timer = setTimeout(run, pauseMs)
  }
  void run()
  return () => {
    abort.abort()
    clearTimeout(timer)
  }
}

/** Between two looks: doubled with each failure in a row up to `atMostMs`, and never at the same beat for all devices. */
export function pauseMs(
  { usualMs, atMostMs, failures }: { usualMs: number; atMostMs: number; failures: number },
  random = Math.random(),
): number {
  return Math.min(atMostMs, usualMs * 2 ** Math.min(failures, 16)) * (0.8 + 0.2 * random)
}
