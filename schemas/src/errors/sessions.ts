/** Remote sessions: how they begin and end, what they may do. */
import type { ErrorRow } from './row.ts'

export const sessions = {
  SESSION_ENDED: {
    status: 404,
    en: 'This remote session has ended or never existed.',
    pt: 'Esta sessão remota terminou ou nunca existiu.',
  },
  SESSION_COOKIE_MISSING: {
    status: 403,
    en: 'Open this session from Travessia.',
    pt: 'Abra esta sessão pelo Travessia.',
  },
  SESSION_READ_ONLY: {
    status: 403,
    en: 'This session only looks: nothing that could change the device is sent.',
    pt: 'Esta sessão é só para olhar: nada que possa mudar o equipamento é enviado.',
  },
  GRANT_REFUSED: {
    status: 502,
    retry: true,
    en: 'The agent did not accept what this session may do.',
    pt: 'O agente não aceitou o que esta sessão pode fazer.',
  },
  SESSION_LIMIT: {
    status: 409,
    en: 'A session cannot last longer than four hours.',
    pt: 'Uma sessão não pode durar mais de quatro horas.',
  },
  TICKET_USED: {
    status: 410,
    en: 'This link was already used or has expired.',
    pt: 'Este link já foi usado ou expirou.',
  },
} as const satisfies Record<string, ErrorRow>
