/** Paths of devices, before anything is sent to them. Pure. */

/**
 * A target that is passed on byte for byte: an absolute path that cannot mean another host or leave the root, also
 * after a device has decoded it. What browsers send raw (`|`, `^`, `[`, `\` and `%` in a query) is let through, and
 * so is `%2F` as part of a name.
 */
export function isSafeTarget(target: string): boolean {
  const [path = ''] = target.split('?', 1)
  if (!/^\/(?!\/)[!-~]*$/.test(target) || /[\\"<>`{}#]/.test(path)) return false
  if (/%(?![0-9a-f]{2})|%(00|0a|0d)/i.test(path)) return false
  let depth = 0
  const decoded = path.replace(/%2e/gi, '.').replace(/%(2f|5c)/gi, '/')
  for (const segment of decoded.split('/').slice(1)) {
    if (segment === '..') depth -= 1
    // Many devices take `//` for `/`.
    else if (segment !== '.' && segment !== '') depth += 1
    if (depth < 0) return false
  }
  return true
}
