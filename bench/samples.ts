/** Figures of each row and way, round by round; ratios are taken within a round, before the median. */
type Sample = Readonly<Record<string, number>>
export type Summary = { readonly median: number; readonly min: number; readonly max: number }

export class Samples {
  readonly #rows = new Map<string, Map<string, Sample[]>>()

  add(row: string, way: string, sample: Sample): void {
    const ways = this.#rows.get(row) ?? new Map<string, Sample[]>()
    this.#rows.set(row, ways)
    ways.set(way, [...(ways.get(way) ?? []), sample])
  }

  rows(): string[] {
    return [...this.#rows.keys()]
  }

  of(row: string, way: string): readonly Sample[] {
    return this.#rows.get(row)?.get(way) ?? []
  }

  figure(row: string, way: string, name: string): Summary | undefined {
    return summaryOf(this.of(row, way).map((sample) => sample[name]))
  }

  /** How many times the figure of another way in the same round. */
  ratio(row: string, [way, other]: readonly [string, string], name: string): Summary | undefined {
    const others = this.of(row, other)
    return summaryOf(
      this.of(row, way).map(
        (sample, round) => (sample[name] ?? NaN) / (others[round]?.[name] ?? NaN),
      ),
    )
  }

  all(): Sample[] {
    return [...this.#rows.values()].flatMap((ways) => [...ways.values()].flat())
  }

  toJSON(): object {
    return Object.fromEntries(
      [...this.#rows].map(([row, ways]) => [row, Object.fromEntries(ways)] as const),
    )
  }
}

function summaryOf(values: ReadonlyArray<number | undefined>): Summary | undefined {
  const sorted = values
    .filter((one) => one !== undefined && Number.isFinite(one))
    .toSorted(ascending)
  const [min, max] = [sorted[0], sorted.at(-1)]
  if (min === undefined || max === undefined) return undefined
  const half = (sorted.length - 1) / 2
  const [low = min, high = max] = [sorted[Math.floor(half)], sorted[Math.ceil(half)]]
  return { median: (low + high) / 2, min, max }
}

function ascending(a: number | undefined = 0, b: number | undefined = 0): number {
  return a - b
}
