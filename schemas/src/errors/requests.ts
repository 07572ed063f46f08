/** What is wrong with a request itself, or with who sends it. */
import type { ErrorRow } from './row.ts'

export const requests = {
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
  DEVICE_LIMIT: {
    status: 409,
    en: 'This installation has as many devices as one can have. Remove one first.',
    pt: 'Esta instalação já tem o máximo de equipamentos. Remova um antes.',
  },
  INSTALLATION_IN_USE: {
    status: 409,
    en: 'Remove the devices of this installation and unpair its agent first.',
    pt: 'Remova antes os equipamentos desta instalação e despareie o agente.',
  },
  LAST_ADMIN: {
    status: 409,
    en: 'There must always be an administrator of all installations.',
    pt: 'Sempre deve haver alguém que administre todas as instalações.',
  },
  LEGAL_HOLD: {
    status: 409,
    en: 'A legal hold keeps something of this person. Lift it first.',
    pt: 'Uma retenção legal mantém algo desta pessoa. Levante-a antes.',
  },
  REGISTRATION_CLOSED: {
    status: 403,
    en: 'New customers are not taken here. Ask your administrator for an account.',
    pt: 'Aqui não se cadastram novos clientes. Peça uma conta ao administrador.',
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
} as const satisfies Record<string, ErrorRow>
