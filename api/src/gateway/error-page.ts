/** The gateway's own pages: errors in the reader's language with code and what to do, and the way out to other hosts. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type ErrorCode, errorTable, errorText, type Language } from '@travessia/schemas/errors'
import { wantsDocument } from './request-checks.ts'

const advice: Partial<Record<ErrorCode, Readonly<Record<Language, string>>>> = {
  AGENT_OFFLINE: {
    'pt-BR':
      'Verifique se o computador do agente está ligado e com internet. Esta página tenta de novo ao recarregar.',
    en: 'Check that the agent’s computer is on and has internet. Reload this page to try again.',
  },
  AGENT_PAUSED: {
    'pt-BR': 'Alguém no local pausou o acesso remoto. Só lá ele pode ser retomado.',
    en: 'Somebody on site has paused remote access. It can only be resumed there.',
  },
  POLICY_FORBIDS: {
    'pt-BR': 'Quem instalou o agente escolheu o que ele permite. Só lá isso pode mudar.',
    en: 'Whoever installed the agent chose what it allows. It can only be changed there.',
  },
  POLICY_HOURS: {
    'pt-BR': 'O horário está na página da instalação, em Conector.',
    en: 'The hours are on the installation’s page, under Connector.',
  },
  DEVICE_UNREACHABLE: {
    'pt-BR': 'Verifique se o equipamento está ligado e se o endereço cadastrado está certo.',
    en: 'Check that the device is on and that its registered address is right.',
  },
  DEVICE_SIGN_IN_REFUSED: {
    'pt-BR': 'Corrija o login e a senha no cadastro do equipamento e recarregue.',
    en: 'Correct login and password in the device’s registration and reload.',
  },
  SESSION_READ_ONLY: {
    'pt-BR':
      'Volte à página anterior. Para agir no equipamento, encerre esta sessão no Travessia e abra outra com acesso total.',
    en: 'Go back to the page before. To act on the device, end this session in Travessia and open another with full access.',
  },
  DEVICE_TIMEOUT: {
    'pt-BR': 'O equipamento pode estar ocupado. Aguarde um pouco e recarregue.',
    en: 'The device may be busy. Wait a moment and reload.',
  },
  SESSION_ENDED: {
    'pt-BR': 'Abra o equipamento de novo no Travessia para começar outra sessão.',
    en: 'Open the device in Travessia again to start another session.',
  },
  SESSION_COOKIE_MISSING: {
    'pt-BR': 'O endereço sozinho não basta: abra o equipamento no Travessia.',
    en: 'The address alone is not enough: open the device in Travessia.',
  },
  TICKET_USED: {
    'pt-BR': 'Volte ao Travessia e abra a sessão de novo.',
    en: 'Go back to Travessia and open the session again.',
  },
}
const fallback: Readonly<Record<Language, string>> = {
  'pt-BR':
    'Recarregue a página. Se continuar, informe o código abaixo a quem administra o Travessia.',
  en: 'Reload the page. If it goes on, give the code below to whoever runs Travessia.',
}
const back: Readonly<Record<Language, string>> = {
  'pt-BR': 'Ir ao Travessia',
  en: 'Go to Travessia',
}

export type Page = {
  readonly language: Language
  readonly publicUrl: string
  readonly correlationId: string
  /** Headers that only this answer has. */
  readonly headers?: Readonly<Record<string, string | string[]>>
}

/** An error as a page for documents, as problem details for scripts. */
export function sendError(
  request: IncomingMessage,
  response: ServerResponse,
  code: ErrorCode,
  page: Page,
): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  const { status } = errorTable[code]
  const isRetry = 'retry' in errorTable[code]
  const title = errorText(code, page.language)
  const problem = { type: 'about:blank', title, status, code, correlationId: page.correlationId }
  const isDocument = wantsDocument(request.headers)
  const body = isDocument ? documentOf(title, code, page) : JSON.stringify(problem)
  response.writeHead(status, {
    'content-type': isDocument ? 'text/html; charset=utf-8' : 'application/problem+json',
    'content-length': Buffer.byteLength(body),
    'x-travessia-error': code,
    ...(isRetry ? { 'retry-after': '5' } : {}),
    ...(request.complete ? {} : { connection: 'close' }),
    ...ownHeaders,
    ...page.headers,
  })
  response.end(request.method === 'HEAD' ? undefined : body)
}

/** Instead of a redirect to a host that is not this device. */
export function sendLeavePage(response: ServerResponse, to: string, page: Page): void {
  const isWeb = URL.canParse(to) && /^https?:$/.test(new URL(to).protocol)
  const text =
    page.language === 'en'
      ? 'This device links to another address:'
      : 'Este equipamento aponta para outro endereço:'
  const link = isWeb
    ? `<a rel="noreferrer noopener" href="${escaped(to)}">${escaped(to)}</a>`
    : escaped(to)
  const body = shell(text, `<p class="link">${link}</p>`, page)
  response.writeHead(200, {
    ...{ 'content-type': 'text/html; charset=utf-8', 'content-length': Buffer.byteLength(body) },
    ...ownHeaders,
  })
  response.end(body)
}

/** Profile first, then the browser, then Portuguese. */
export function languageOf(request: IncomingMessage, profile?: Language): Language {
  if (profile) return profile
  const first = request.headers['accept-language']?.trim().toLowerCase() ?? ''
  return first.startsWith('en') ? 'en' : 'pt-BR'
}

export const ownHeaders = {
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
  'referrer-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
} as const

function documentOf(title: string, code: ErrorCode, page: Page): string {
  const text = advice[code]?.[page.language] ?? fallback[page.language]
  const action = `<p><a class="button" href="${escaped(page.publicUrl)}">${back[page.language]}</a></p>`
  return shell(
    title,
    `<p>${text}</p>${action}<p class="code">${code} · ${page.correlationId}</p>`,
    page,
  )
}

function shell(title: string, content: string, { language }: Page): string {
  return `<!doctype html><html lang="${language}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>${escaped(title)}</title><style>
:root { color-scheme: light dark; font-family: system-ui, sans-serif }
body { margin: 0; min-height: 100dvh; display: grid; place-items: center; background: light-dark(#f3f5f8, #0b1220); color: light-dark(#101828, #e6eaf2) }
main { max-width: 34rem; padding: 1.5rem } h1 { font-size: 1.35rem; line-height: 1.3 } p { line-height: 1.5 }
.button { display: inline-block; padding: .8rem 1.1rem; border-radius: .7rem; background: #0b63ce; color: #fff; text-decoration: none }
.code { font-size: .8rem; color: light-dark(#475467, #98a2b3); overflow-wrap: anywhere } .link { overflow-wrap: anywhere }
</style></head><body><main><h1>${escaped(title)}</h1>${content}</main></body></html>`
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`)
}
