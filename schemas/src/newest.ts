/** Puts an entry at the end of `map`, also one that was in it, and drops the first ones beyond `max`. */
export function putNewest<K, V>(map: Map<K, V>, [key, value]: [K, V], max: number): void {
  map.delete(key)
  map.set(key, value)
  for (const oldest of map.keys()) {
    if (map.size <= max) return
    map.delete(oldest)
  }
}
