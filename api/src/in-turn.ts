/** For what looks before it writes: one after the other of each key, so that of two at once the second sees what the first wrote. */
export function createTurns() {
  const last = new Map<string, Promise<void>>()
  return <T>(key: string, act: () => Promise<T>): Promise<T> => {
    const turn = (last.get(key) ?? Promise.resolve()).then(act)
    const over: Promise<void> = turn
      .then(nothing, nothing)
      .then(() => void (last.get(key) === over && last.delete(key)))
    last.set(key, over)
    return turn
  }
}

function nothing(): void {}
