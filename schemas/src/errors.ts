/**
 * The one table of error codes: HTTP status, whether a retry may help, and the English and pt-BR
 * sentence shown to people. Codes are stable once released; `docs/errors.md` is generated from here.
 */
type ErrorRow = {
  /** HTTP status of the API and of the gateway's own pages. */
  readonly status: number
  /** true: the same call may succeed later without a change by the caller. */
  readonly retry?: true
  readonly en: string
  readonly pt: string
}

export const errorTable = {
  MESSAGE_INVALID: {
    status: 400,
    en: 'The request does not have the expected form.',
    pt: 'O pedido não tem a forma esperada.',
  },
  REQUEST_INVALID: {
    status: 400,
    en: 'The HTTP request is malformed.',
    pt: 'A requisição HTTP está malformada.',
  },
  REQUEST_TOO_LARGE: {
    status: 413,
    en: 'The request is larger than allowed.',
    pt: 'O pedido é maior que o permitido.',
  },
  HEADERS_TOO_LARGE: {
    status: 431,
    en: 'The request head is larger than allowed.',
    pt: 'O cabeçalho do pedido é maior que o permitido.',
  },
  METHOD_NOT_ALLOWED: {
    status: 405,
    en: 'This method is not allowed here.',
    pt: 'Este método não é permitido aqui.',
  },
  MEDIA_TYPE_UNSUPPORTED: {
    status: 415,
    en: 'This content type is not accepted here.',
    pt: 'Este tipo de conteúdo não é aceito aqui.',
  },
  NOT_FOUND: {
    status: 404,
    en: 'There is nothing at this address.',
    pt: 'Não há nada neste endereço.',
  },
  CONFLICT: {
    status: 409,
    en: 'Somebody else changed this at the same time.',
    pt: 'Outra pessoa alterou isto ao mesmo tempo.',
  },
  EMAIL_TAKEN: {
    status: 409,
    en: 'There is already an account with this e-mail.',
    pt: 'Já existe uma conta com este e-mail.',
  },
  PASSWORD_WEAK: {
    status: 400,
    en: 'Choose a longer password that is not on the list of common ones.',
    pt: 'Escolha uma senha mais longa e que não esteja na lista das comuns.',
  },
  CREDENTIALS_INVALID: {
    status: 401,
    en: 'E-mail or password is wrong.',
    pt: 'E-mail ou senha incorretos.',
  },
  TOKEN_MISSING: { status: 401, en: 'Sign in first.', pt: 'Entre primeiro.' },
  TOKEN_INVALID: { status: 401, en: 'This sign-in is not valid.', pt: 'Este acesso não é válido.' },
  TOKEN_EXPIRED: { status: 401, en: 'This sign-in has expired.', pt: 'Este acesso expirou.' },
  PERMISSION_DENIED: {
    status: 403,
    en: 'Your role does not allow this.',
    pt: 'Seu papel não permite isto.',
  },
  ORIGIN_REFUSED: {
    status: 403,
    en: 'This request came from another site and was refused.',
    pt: 'Este pedido veio de outro site e foi recusado.',
  },
  RATE_LIMITED: {
    status: 429,
    retry: true,
    en: 'Too many attempts. Wait a moment.',
    pt: 'Tentativas demais. Aguarde um momento.',
  },
  PAIRING_CODE_INVALID: {
    status: 400,
    en: 'This pairing code is wrong, used or expired.',
    pt: 'Este código de pareamento está errado, já foi usado ou expirou.',
  },
  AGENT_ALREADY_PAIRED: {
    status: 409,
    en: 'This installation already has an agent. Unpair it first.',
    pt: 'Esta instalação já tem um agente. Despareie-o primeiro.',
  },
  AGENT_REVOKED: { status: 401, en: 'This agent was unpaired.', pt: 'Este agente foi despareado.' },
  FILE_TOO_LARGE: {
    status: 413,
    en: 'This file is larger than 256 MB.',
    pt: 'Este arquivo tem mais de 256 MB.',
  },
  FILE_QUOTA: {
    status: 409,
    en: 'Too many files are waiting on the server. Send them to a printer, or wait until they are deleted.',
    pt: 'Há arquivos demais esperando no servidor. Envie-os a uma impressora ou aguarde até que sejam apagados.',
  },
  FILE_GONE: {
    status: 410,
    en: 'This file is no longer on the server. Send it again.',
    pt: 'Este arquivo não está mais no servidor. Envie-o de novo.',
  },
  FILE_BROKEN: {
    status: 502,
    en: 'The file did not reach the agent whole and unchanged.',
    pt: 'O arquivo não chegou inteiro e inalterado ao agente.',
  },
  AGENT_OFFLINE: {
    status: 503,
    retry: true,
    en: 'The agent in this installation is offline.',
    pt: 'O agente desta instalação está offline.',
  },
  AGENT_PAUSED: {
    status: 503,
    retry: true,
    en: 'The agent was paused on site.',
    pt: 'O agente está pausado no local.',
  },
  POLICY_FORBIDS: {
    status: 403,
    en: 'The rules of the site do not allow this.',
    pt: 'As regras do local não permitem isto.',
  },
  POLICY_HOURS: {
    status: 403,
    retry: true,
    en: 'The rules of the site do not allow this at this hour.',
    pt: 'As regras do local não permitem isto neste horário.',
  },
  AGENT_NOT_READY: {
    status: 503,
    retry: true,
    en: 'The agent has not confirmed this device yet.',
    pt: 'O agente ainda não confirmou este equipamento.',
  },
  AGENT_NO_ANSWER: {
    status: 504,
    retry: true,
    en: 'The agent did not answer in time.',
    pt: 'O agente não respondeu a tempo.',
  },
  AGENT_MISSING: {
    status: 503,
    en: 'This installation has no agent yet.',
    pt: 'Esta instalação ainda não tem agente.',
  },
  DEVICE_UNREACHABLE: {
    status: 502,
    retry: true,
    en: 'The device does not answer at its address.',
    pt: 'O equipamento não responde em seu endereço.',
  },
  DEVICE_TIMEOUT: {
    status: 504,
    retry: true,
    en: 'The device took too long to answer.',
    pt: 'O equipamento demorou demais para responder.',
  },
  DEVICE_TIME_LIMIT: {
    status: 504,
    en: 'The exchange took longer than this device’s time limit.',
    pt: 'A troca demorou mais que o limite de tempo deste equipamento.',
  },
  DEVICE_PROTOCOL: {
    status: 502,
    en: 'The device sent an answer that is not valid HTTP.',
    pt: 'O equipamento enviou uma resposta que não é HTTP válido.',
  },
  CAMERA_NO_PICTURE: {
    status: 502,
    en: 'The camera gives no picture at any of the usual addresses.',
    pt: 'A câmera não dá imagem em nenhum dos endereços usuais.',
  },
  CAMERA_SIGN_IN: {
    status: 502,
    en: 'The camera wants a user name and a password: add them to the device.',
    pt: 'A câmera pede usuário e senha: informe-os no equipamento.',
  },
  CAMERA_BUSY: {
    status: 503,
    retry: true,
    en: 'Too many people are watching now.',
    pt: 'Há pessoas demais assistindo agora.',
  },
  DEVICE_SIGN_IN_REFUSED: {
    status: 502,
    en: 'The device refused the registered login and password.',
    pt: 'O equipamento recusou o login e a senha cadastrados.',
  },
  TARGET_FORBIDDEN: {
    status: 502,
    en: 'The agent does not allow this address.',
    pt: 'O agente não permite este endereço.',
  },
  TUNNEL_LOST: {
    status: 502,
    retry: true,
    en: 'The connection to the agent was lost on the way.',
    pt: 'A conexão com o agente se perdeu no caminho.',
  },
  TUNNEL_BUSY: {
    status: 503,
    retry: true,
    en: 'Too many requests are under way to this installation.',
    pt: 'Há pedidos demais em andamento para esta instalação.',
  },
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
  CONFIRMATION_REQUIRED: {
    status: 409,
    en: 'This command is dangerous: confirm it.',
    pt: 'Este comando é perigoso: confirme.',
  },
  COMMAND_UNSUPPORTED: {
    status: 400,
    en: 'This device does not know this command.',
    pt: 'Este equipamento não conhece este comando.',
  },
  COMMAND_REFUSED: {
    status: 409,
    en: 'The device refused the command.',
    pt: 'O equipamento recusou o comando.',
  },
  COMMAND_EXPIRED: {
    status: 409,
    en: 'The command arrived too late and was not executed.',
    pt: 'O comando chegou tarde demais e não foi executado.',
  },
  COMMAND_UNKNOWN: {
    status: 504,
    en: 'The command was sent but its outcome is not known.',
    pt: 'O comando foi enviado, mas o resultado não é conhecido.',
  },
  COMMAND_SIGNATURE_INVALID: {
    status: 400,
    en: 'The command is not signed by this server.',
    pt: 'O comando não foi assinado por este servidor.',
  },
  CLOCK_UNKNOWN: {
    status: 503,
    retry: true,
    en: 'The agent does not know the time well enough to act.',
    pt: 'O agente não conhece a hora com precisão suficiente para agir.',
  },
  APPROVAL_BY_REQUESTER: {
    status: 403,
    en: 'Another person must approve this command.',
    pt: 'Outra pessoa precisa aprovar este comando.',
  },
  APPROVAL_REQUESTER_DENIED: {
    status: 409,
    en: 'Whoever asked for this command may not any more.',
    pt: 'Quem pediu este comando não tem mais permissão.',
  },
  APPROVAL_REJECTED: {
    status: 409,
    en: 'The request for this command was rejected.',
    pt: 'O pedido deste comando foi rejeitado.',
  },
  APPROVAL_LAPSED: {
    status: 409,
    en: 'Nobody approved this command in time.',
    pt: 'Ninguém aprovou este comando a tempo.',
  },
  IDEMPOTENCY_KEY_REUSED: {
    status: 409,
    en: 'This idempotency key was used for a different command.',
    pt: 'Esta chave de idempotência foi usada para outro comando.',
  },
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
  FRAME_INVALID: {
    status: 502,
    en: 'A tunnel frame is malformed.',
    pt: 'Um quadro do túnel está malformado.',
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

export type ErrorCode = keyof typeof errorTable
export type Language = 'pt-BR' | 'en'

export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(errorTable, value)
}

/** The sentence of a code in the reader's language. */
export function errorText(code: ErrorCode, language: Language): string {
  return language === 'en' ? errorTable[code].en : errorTable[code].pt
}

/** The one error of Travessia. `details` are for logs and problem bodies: no secrets, no user text in `code`. */
export class TravessiaError extends Error {
  override readonly name = 'TravessiaError'
  readonly code: ErrorCode
  readonly details: Readonly<Record<string, unknown>>

  constructor(
    code: ErrorCode,
    details: Readonly<Record<string, unknown>> = {},
    options?: ErrorOptions,
  ) {
    super(errorTable[code].en, options)
    this.code = code
    this.details = details
  }

  get status(): number {
    return errorTable[this.code].status
  }
}
