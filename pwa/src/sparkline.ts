/** The line of a small chart: time to the right, value upwards. */
type Points = ReadonlyArray<readonly [at: number, value: number]>

/** A steady value is a line in the middle, not noise blown up to the full height. */
const leastSpan = 4
const margin = 2

export function pointsText(
  points: Points,
  { width, height }: { readonly width: number; readonly height: number },
): string {
  const values = points.map(([, value]) => value)
  const [low, high] = [Math.min(...values), Math.max(...values)]
  const span = Math.max(leastSpan, high - low)
  const bottom = (low + high - span) / 2
  const from = points[0]?.[0] ?? 0
  const time = Math.max(1, (points.at(-1)?.[0] ?? 0) - from)
  const usable = height - 2 * margin
  return points
    .map(([at, value]) => {
      const x = ((at - from) / time) * width
      const y = margin + usable * (1 - (value - bottom) / span)
      return `${x.toFixed(1)},${y.toFixed(1)}`
    })
    .join(' ')
}

/** What rose since the first point; a counter that starts again from 0 has lost nothing. */
export function growthOf(points: Points): number {
  return points.reduce((sum, [, value], index) => {
    const before = points[index - 1]?.[1] ?? value
    return sum + Math.max(0, value < before ? value : value - before)
  }, 0)
}
