/** The script that records a page (ADR 29): rrweb's, and ours that sends what it says in batches. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const library = readFileSync(
  fileURLToPath(new URL('./record.umd.min.cjs', import.meta.resolve('@rrweb/record'))),
  'utf8',
)
const own = readFileSync(new URL('shim/recorder.js', import.meta.url), 'utf8')

/** Names of its own: a page's module loader is not to be met. */
export function recorderText({ base }: { readonly base: string }): string {
  return `(function (window, config) {
if (window.__travessiaRecorder || !window.fetch || !window.MutationObserver) return
Object.defineProperty(window, '__travessiaRecorder', { value: true })
var module = { exports: {} }
var exports = module.exports
var define
${library}
var record = module.exports.record
${own}})(window, ${JSON.stringify({ base })})
`
}
