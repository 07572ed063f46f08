/** The node itself: its log and stores, the feeds that leave it. */
import type { ErrorRow } from './row.ts'

export const node = {
  NODE_BUSY: {
    status: 503,
    retry: true,
    en: 'The server has too much to do at the moment.',
    pt: 'O servidor está ocupado demais neste momento.',
  },
  STORE_UNAVAILABLE: {
    status: 503,
    retry: true,
    en: 'The event log is not available, so nothing may be done.',
    pt: 'O registro de eventos não está disponível; nada pode ser feito.',
  },
  BLOBS_FULL: {
    status: 507,
    en: 'There is no room left for captured bodies and recordings.',
    pt: 'Não há mais espaço para conteúdos capturados e gravações.',
  },
  SUBJECT_ERASED: {
    status: 410,
    en: 'This was about a person whose data has been erased.',
    pt: 'Isto era de uma pessoa cujos dados foram apagados.',
  },
  FEED_ADDRESS: {
    status: 400,
    en: 'A feed goes to https:// or syslog+tls:// at a public address, without a user name in it.',
    pt: 'Um envio vai para https:// ou syslog+tls:// em um endereço público, sem nome de usuário.',
  },
  FEED_LIMIT: {
    status: 409,
    en: 'There are enough feeds already. Remove one first.',
    pt: 'Já há envios suficientes. Remova um primeiro.',
  },
  FEED_UNREACHABLE: {
    status: 502,
    retry: true,
    en: 'The receiver of the feed cannot be reached, or does not answer in time.',
    pt: 'O destino do envio não pode ser alcançado ou não responde a tempo.',
  },
  FEED_FILE: {
    status: 503,
    retry: true,
    en: 'The server cannot write the file of the feed.',
    pt: 'O servidor não consegue gravar o arquivo do envio.',
  },
  FEED_REFUSED: {
    status: 502,
    retry: true,
    en: 'The receiver of the feed did not take what was sent.',
    pt: 'O destino do envio não aceitou o que foi enviado.',
  },
  CONFIG_INVALID: {
    status: 500,
    en: 'The configuration is not valid.',
    pt: 'A configuração não é válida.',
  },
  INTERNAL: {
    status: 500,
    en: 'Something went wrong on our side.',
    pt: 'Algo deu errado do nosso lado.',
  },
} as const satisfies Record<string, ErrorRow>
