/** The verifier as a page of its own, without network: the same check as `npm run verify`. */
import type { Language } from '@travessia/schemas/evidence/findings'
import { parseNoteKey } from '@travessia/schemas/evidence/note'
import { blobFile, type RandomFile } from '@travessia/schemas/evidence/random-file'
import { type Knowledge, type Report, verifyBundle } from '@travessia/schemas/evidence/verify'
import { reportParts, verdictOf } from '@travessia/schemas/evidence/verify-report'
import { type PageText, texts } from './texts.ts'

const shown = 20
const tones = { intact: 'good', altered: 'bad', incomplete: 'warn' } as const

type Outcome =
  | { readonly report: Report }
  | { readonly problem: string; readonly advice?: PageText }

let language: Language = navigator.language.startsWith('en') ? 'en' : 'pt-BR'
let outcome: Outcome | undefined
let isWorking = false
const say = (key: PageText) => texts[language][key]

function find<T extends HTMLElement>(id: string): T {
  const found = document.getElementById(id)
  if (!found) throw new TypeError(`no ${id}`)
  return found as T
}
const bundle = find<HTMLInputElement>('bundle')
const since = find<HTMLInputElement>('since')
const keys = find<HTMLTextAreaElement>('keys')
const drop = find<HTMLLabelElement>('drop')
const toggle = find<HTMLButtonElement>('language')
const result = find('result')

function element(tag: string, text: string, kind = ''): HTMLElement {
  const made = document.createElement(tag)
  made.textContent = text
  made.className = kind
  return made
}

function list(lines: readonly string[]): HTMLElement {
  const made = element('ul', '')
  made.append(...lines.map((line) => element('li', line)))
  return made
}

function card(kind: string, ...parts: HTMLElement[]): HTMLElement {
  const made = element('div', '', `card ${kind}`)
  made.append(...parts)
  return made
}

function show(): void {
  document.documentElement.lang = language
  document.title = say('title')
  toggle.textContent = say('other')
  for (const one of document.querySelectorAll<HTMLElement>('[data-text]'))
    one.textContent = say(one.dataset['text'] as PageText)
  if (isWorking) result.replaceChildren(card('', element('p', `${say('working')} …`)))
  else if (!outcome) result.replaceChildren()
  else if ('problem' in outcome)
    result.replaceChildren(
      card(
        'warn',
        element('h2', say('unusable')),
        ...(outcome.advice ? [element('p', say(outcome.advice))] : []),
        element('p', outcome.problem, 'words'),
      ),
    )
  else result.replaceChildren(...cardsOf(outcome.report))
}

function cardsOf(report: Report): HTMLElement[] {
  const verdict = verdictOf(report)
  const parts = reportParts(report, language, shown)
  const row = (name: PageText, text: string, lines: readonly string[]) => [
    element('p', `${say(name)}: ${text}`, 'words'),
    ...(lines.length > 0 ? [list(lines)] : []),
  ]
  return [
    card(
      tones[verdict],
      element('h2', say(verdict)),
      element('p', parts.what, 'words'),
      ...row('integrity', parts.integrity, parts.wrong),
      ...row('completeness', parts.completeness, parts.missing),
      ...(parts.bodies ? row('bodies', parts.bodies, []) : []),
      ...row('witnesses', parts.witnesses, parts.confirmations),
    ),
    card('', element('p', parts.signers), list(parts.keys)),
  ]
}

/** Lets the page draw between two reads. */
function unhurried(blob: Blob): RandomFile {
  const file = blobFile(blob)
  return {
    ...file,
    async read(from, to) {
      await new Promise((resolve) => setTimeout(resolve))
      return file.read(from, to)
    },
  }
}

function keyLines(): string[] {
  const lines = keys.value.split('\n').map((line) => line.trim())
  return lines.filter(Boolean)
}

function knowledge(): Knowledge {
  const given = keyLines().flatMap((line) => parseNoteKey(line) ?? [])
  const earlier = since.files?.[0]
  return { keys: given, ...(earlier ? { since: unhurried(earlier) } : {}) }
}

async function outcomeOf(file: Blob): Promise<Outcome> {
  const wrong = keyLines().find((line) => !parseNoteKey(line))
  if (wrong !== undefined) return { problem: `${say('badKey')}: ${wrong}` }
  try {
    return { report: await verifyBundle(unhurried(file), knowledge()) }
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error)
    // With an earlier state it may be that one, or that the two do not go together.
    return since.files?.length ? { problem } : { problem, advice: 'again' }
  }
}

/** Of several at once the last one is shown. */
let checks = 0

async function check(): Promise<void> {
  const file = bundle.files?.[0]
  if (!file) return
  checks += 1
  const own = checks
  isWorking = true
  show()
  const found = await outcomeOf(file)
  if (own !== checks) return
  isWorking = false
  outcome = found
  show()
}

for (const input of [bundle, since, keys]) input.addEventListener('change', () => void check())
toggle.addEventListener('click', () => {
  language = language === 'en' ? 'pt-BR' : 'en'
  show()
})
for (const type of ['dragover', 'dragleave', 'drop'])
  document.addEventListener(type, (event) => {
    event.preventDefault()
    drop.classList.toggle('over', type === 'dragover')
  })
document.addEventListener('drop', ({ dataTransfer }) => {
  if (!dataTransfer?.files.length) return
  bundle.files = dataTransfer.files
  void check()
})
show()
