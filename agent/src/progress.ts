/** How much of a long command is done: said in steps of ten percent, at most once a second. */
const betweenMs = 1_000

/** @returns takes what is done by now, of `total` */
export function createProgress(
  total: number,
  say: (percent: number) => void,
): (done: number) => void {
  let said = 0
  let saidAt = Number.NEGATIVE_INFINITY
  return (done) => {
    const percent = Math.floor((done / total) * 10) * 10
    const now = performance.now()
    if (percent <= said || percent >= 100 || now - saidAt < betweenMs) return
    said = percent
    saidAt = now
    say(percent)
  }
}
