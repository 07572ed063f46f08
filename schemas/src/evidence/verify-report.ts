/** What the verifier says to people: the two verdicts, whose word it is, who confirms it, and the first problems. */
import { inLanguage, type Language, type Text, witnessFindings } from './findings.ts'
import type { Report } from './verify.ts'

type Verdict = 'intact' | 'altered' | 'incomplete'

/** The worst of both. */
export function verdictOf({ wrong, missing }: Pick<Report, 'wrong' | 'missing'>): Verdict {
  if (wrong.length > 0) return 'altered'
  return missing.length > 0 ? 'incomplete' : 'intact'
}

type ReportParts = {
  readonly what: string
  readonly integrity: string
  readonly completeness: string
  /** Empty: no event names any. */
  readonly bodies: string
  readonly witnesses: string
  readonly signers: string
  readonly wrong: readonly string[]
  readonly missing: readonly string[]
  readonly confirmations: readonly string[]
  readonly keys: readonly string[]
}

/** @param shown at most so many problems of each kind */
export function reportParts(report: Report, language: Language, shown: number): ReportParts {
  const say = (text: Text) => inLanguage(text, language)
  const { wrong, missing, unconfirmed, gaps, keys, learned } = report
  return {
    what: say(subject(report)),
    integrity: say(
      wrong.length === 0
        ? ['íntegro, cada evento é o que foi assinado', 'intact, every event is what was signed']
        : ['ALTERADO', 'ALTERED'],
    ),
    completeness: say(missing.length > 0 ? ['INCOMPLETO', 'INCOMPLETE'] : completeness(report)),
    bodies: say(bodies(report)),
    witnesses: say(witnesses(report)),
    signers: say(signers(report)),
    wrong: wrong.slice(0, shown).map(say),
    missing: [...missing, ...unconfirmed, ...gaps].slice(0, shown).map(say),
    confirmations: [
      ...report.witnesses.map((one) => say(confirmation(one))),
      ...report.untold.map(({ name, size }) => say(witnessFindings.untold(name, size))),
    ],
    keys: [
      ...keys,
      ...learned.map((key) => say([`${key} (confirmada por ela)`, `${key} (vouched for by it)`])),
    ],
  }
}

export function reportLines(report: Report, shown: number): string[] {
  const parts = reportParts(report, 'en', shown)
  const under = (lines: readonly string[]) => lines.map((line) => `  ${line}`)
  return [
    parts.what,
    `Integrity: ${parts.integrity}`,
    ...under(parts.wrong),
    `Completeness: ${parts.completeness}`,
    ...under(parts.missing),
    ...(parts.bodies ? [`Bodies: ${parts.bodies}`] : []),
    `Witnesses: ${parts.witnesses}`,
    ...under(parts.confirmations),
    parts.signers,
    ...under(parts.keys),
  ]
}

function subject({ manifest, events }: Report): Text {
  if (!manifest)
    return [
      'Um pacote que ninguém conhecido assinou.',
      'This is a bundle that nobody known has signed.',
    ]
  const { origin, size, createdAt, scope } = manifest
  const [pt, en] =
    scope === 'whole'
      ? ['o registro inteiro', 'the whole log']
      : [`${events} eventos do registro`, `${events} events of the log`]
  const signedAt = createdAt.replace('T', ' ').replace(/(\.\d+)?Z$/, ' UTC')
  return [
    `Pacote com ${pt} ${origin}, que tem ${size} eventos, assinado em ${signedAt}.`,
    `This is ${en} ${origin} with ${size} events, signed ${signedAt}.`,
  ]
}

function completeness(report: Report): Text {
  const { manifest, gaps, expired } = report
  if (!manifest) return ['desconhecida', 'unknown']
  const gone: Text =
    expired === 0
      ? ['', '']
      : [
          `; ${expired} expiraram como o registro diz, seus hashes ficam`,
          `; ${expired} have expired as the log says, their hashes stay`,
        ]
  const isOne = gaps.length === 1
  const [pt, en] = [
    `${gaps.length} ${isOne ? 'lacuna' : 'lacunas'} na gravação`,
    `${gaps.length} recording ${isOne ? 'gap' : 'gaps'}`,
  ]
  if (manifest.scope === 'selection') {
    const [ptPart, enPart] = selected(report)
    return [`${ptPart}; ${pt} no que está aqui`, `${enPart}; ${en} in what is here`]
  }
  return [
    `cada evento até #${manifest.size - 1}, ${pt}${gone[0]}`,
    `every event up to #${manifest.size - 1}, ${en}${gone[1]}`,
  ]
}

/** A session counts its events, so that one which was left out shows; of anything else only the server knows. */
function selected({ session }: Report): Text {
  if (!session)
    return [
      'cada evento que foi selecionado; que nenhum outro atende ao filtro é a palavra do servidor',
      'every event that was selected; that no other one fits the filter is the word of the server',
    ]
  const { events, isEnded } = session
  return isEnded
    ? [
        `a sessão está completa, versões 1 a ${events} com o seu fim; que nada veio depois é a palavra do servidor`,
        `the session is complete, versions 1 to ${events} with its end; that nothing came after is the word of the server`,
      ]
    : [
        `a sessão está aberta, versões 1 a ${events}; que nada mais veio até agora é a palavra do servidor`,
        `the session is open, versions 1 to ${events}; that no more has come until now is the word of the server`,
      ]
}

function bodies({ bodies: { kept, erased } }: Report): Text {
  const parts: Text[] = []
  if (kept > 0) parts.push([`${kept} como foram guardados`, `${kept} as they were kept`])
  if (erased > 0)
    parts.push([
      `${erased} apagados com a pessoa de quem eram`,
      `${erased} erased with the person whom they were about`,
    ])
  return [parts.map(([pt]) => pt).join(', '), parts.map(([, en]) => en).join(', ')]
}

/** The longest log that all of them confirm. */
function witnesses({ witnesses, untold }: Report): Text {
  const least = witnesses.at(-1)
  if (!least && untold.length > 0)
    return ['não se pode dizer se assinaram isto', 'whether they have signed this cannot be told']
  if (!least)
    return [
      'nenhuma: quem tem o banco de dados e a chave pode ter escrito outra história antes da sua primeira cópia',
      'none: who holds database and key may have written another history before your first copy',
    ]
  const count = witnesses.length
  return [
    `${count} ${count === 1 ? 'agente confirma' : 'agentes confirmam'} cada evento até #${least.size - 1}`,
    `${count} ${count === 1 ? 'agent confirms' : 'agents confirm'} every event up to #${least.size - 1}`,
  ]
}

function confirmation({ name, size, isKeyGiven }: Report['witnesses'][number]): Text {
  return isKeyGiven
    ? [
        `${name} até #${size - 1}, pela chave que você deu`,
        `${name} up to #${size - 1}, by the key that you gave`,
      ]
    : [
        `${name} até #${size - 1}, pela chave do pacote: compare com “travessia-agent checkpoint” no local`,
        `${name} up to #${size - 1}, by the key in the bundle: compare it with “travessia-agent checkpoint” on site`,
      ]
}

function signers({ manifest, areKeysGiven }: Report): Text {
  if (!manifest)
    return areKeysGiven
      ? ['A chave que você deu não o assinou:', 'The key that you gave has not signed it:']
      : ['Nem a chave do próprio pacote o assinou:', 'Not even the key in it has signed it:']
  return areKeysGiven
    ? ['Assinado pela chave que você deu.', 'Signed by the key that you gave.']
    : [
        'Assinado pela chave do próprio pacote. Compare-a com uma que você tenha de outra fonte, ou dê essa ao verificador:',
        'Signed by the key in the bundle itself. Compare it with one that you have from elsewhere, or give that one to the verifier:',
      ]
}
