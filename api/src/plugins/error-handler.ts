/** The only place that turns an error into HTTP: problem details (RFC 9457) with a stable code. */
import type { Problem } from '@travessia/schemas/api'
import {
  type ErrorCode,
  errorTable,
  errorText,
  type Language,
  TravessiaError,
} from '@travessia/schemas/errors'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

const fastifyCodes: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'MEDIA_TYPE_UNSUPPORTED',
  FST_ERR_CTP_BODY_TOO_LARGE: 'REQUEST_TOO_LARGE',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'REQUEST_INVALID',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'MESSAGE_INVALID',
  FST_ERR_CTP_INVALID_JSON_BODY: 'MESSAGE_INVALID',
  FST_ERR_BAD_URL: 'REQUEST_INVALID',
  FST_ERR_MAX_PARAM_LENGTH: 'NOT_FOUND',
}

export function addErrorHandler(app: FastifyInstance): void {
  app.setErrorHandler<FastifyError>(answerError)
}

/** Also of an address that no route is looked for at (`frameworkErrors`). */
export function answerError(
  error: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const code = codeOf(error)
  if (code === 'INTERNAL') request.log.error({ err: error }, 'request failed')
  else request.log.info({ code }, 'request refused')
  return sendProblem(reply, code, detailsOf(error))
}

export function sendProblem(
  reply: FastifyReply,
  code: ErrorCode,
  details: { readonly at?: string; readonly retryAfterSeconds?: number } = {},
): FastifyReply {
  const { status } = errorTable[code]
  const problem: Problem = {
    type: 'about:blank',
    title: errorText(code, readerLanguage(reply.request)),
    ...{ status, code, correlationId: reply.request.id },
    ...(details.at === undefined ? {} : { at: details.at }),
  }
  if (details.retryAfterSeconds !== undefined)
    reply.header('retry-after', details.retryAfterSeconds)
  else if ('retry' in errorTable[code]) reply.header('retry-after', 5)
  return reply.code(status).type('application/problem+json').send(problem)
}

/** Profile, else Accept-Language, else pt-BR. */
export function readerLanguage({ principal, headers }: FastifyRequest): Language {
  if (principal) return principal.language
  return headers['accept-language']?.trim().toLowerCase().startsWith('en') ? 'en' : 'pt-BR'
}

function codeOf(error: FastifyError): ErrorCode {
  if (error instanceof TravessiaError) return error.code
  if (error.validation) return 'MESSAGE_INVALID'
  if (error.statusCode === 429) return 'RATE_LIMITED'
  const known = fastifyCodes[error.code]
  if (known) return known
  return error.statusCode !== undefined && error.statusCode < 500 ? 'REQUEST_INVALID' : 'INTERNAL'
}

function detailsOf(error: FastifyError): { at?: string; retryAfterSeconds?: number } {
  if (error.validation) {
    const [first] = error.validation
    const missing = first?.params['missingProperty'] ?? first?.params['additionalProperty']
    return {
      at: `${first?.instancePath ?? ''}${missing === undefined ? '' : `/${String(missing)}`}`,
    }
  }
  if (!(error instanceof TravessiaError)) return {}
  const { at, retryAfterSeconds } = error.details
  return {
    ...(typeof at === 'string' ? { at } : {}),
    ...(typeof retryAfterSeconds === 'number' ? { retryAfterSeconds } : {}),
  }
}
