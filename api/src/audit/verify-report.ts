/** What the verifier says to people: the two verdicts, whose word it is, and the first problems. */
import type { Manifest } from './manifest.ts'
import type { Report } from './verify.ts'

export function reportLines(report: Report, shown: number): string[] {
  const { wrong, missing, gaps, manifest, keys, areKeysGiven } = report
  const part = manifest?.scope === 'whole' ? 'the whole log' : `${report.events} events of the log`
  const of = manifest
    ? `${part} ${manifest.origin} with ${manifest.size} events, signed ${manifest.createdAt}`
    : 'a bundle that nobody known has signed'
  const few = (lines: readonly string[]) => lines.slice(0, shown).map((line) => `  ${line}`)
  return [
    `This is ${of}.`,
    `Integrity: ${wrong.length === 0 ? 'intact, every event is what was signed' : 'ALTERED'}`,
    ...few(wrong),
    `Completeness: ${missing.length > 0 ? 'INCOMPLETE' : completeness(manifest, gaps)}`,
    ...few([...missing, ...gaps]),
    areKeysGiven
      ? 'Signed by the key that you gave.'
      : `Signed by the key in the bundle itself. Compare it with one that you have from elsewhere, or give that one with --key:`,
    ...keys.map((key) => `  ${key}`),
  ]
}

function completeness(manifest: Manifest | undefined, gaps: readonly string[]): string {
  if (!manifest) return 'unknown'
  if (manifest.scope === 'selection')
    return 'every event that was selected; that no other one fits the filter is the word of the server'
  return `every event up to #${manifest.size - 1}, ${gaps.length} recording gaps`
}
