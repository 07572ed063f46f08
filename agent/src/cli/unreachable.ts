/** Why a server could not be asked, in one sentence with what to do: for the person who installs the agent. */
import { TravessiaError } from '@travessia/schemas/errors'

type Way = {
  /** What is dialled: the server, or the proxy before it. */
  readonly dialled: string
  readonly setting: string
  readonly server: string
}

/** By the code of Node, undici or OpenSSL. */
const sentences: ReadonlyArray<readonly [RegExp, (way: Way) => string]> = [
  [
    /^ECONNREFUSED$/,
    ({ dialled, setting }) =>
      `Nothing listens at ${dialled}: check ${setting} and its port, and whether it is running.`,
  ],
  [
    /^(ENOTFOUND|EAI_AGAIN)$/,
    ({ dialled, setting }) =>
      `The name of ${dialled} is not known here: check ${setting}, and the DNS of this network.`,
  ],
  [
    /^(EHOST|ENET)(UNREACH|DOWN)$|TIMEOUT$|^ETIMEDOUT$/,
    ({ dialled, setting }) =>
      `No answer comes from ${dialled}: check ${setting}, the network, and whether the firewall lets this host out.`,
  ],
  [
    /^CERT_(HAS_EXPIRED|NOT_YET_VALID)$/,
    ({ server }) =>
      `The certificate of ${server} is not valid today: check the clock of this host, else have the certificate renewed.`,
  ],
  [
    /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    ({ server }) =>
      `The certificate of ${server} is for another name: use the name that it was made for.`,
  ],
  [
    /SELF_SIGNED_CERT|^UNABLE_TO_(GET_ISSUER|VERIFY)/,
    ({ server }) =>
      `The certificate of ${server} is not from an authority that this host trusts: if it is your own, name its file in NODE_EXTRA_CA_CERTS.`,
  ],
  [
    /^ERR_SSL_|^EPROTO$|^HTTPParserError$|^ECONNRESET$|^EPIPE$|^UND_ERR_(SOCKET|HEADERS_OVERFLOW|RES_CONTENT_LENGTH_MISMATCH)$/,
    ({ dialled, setting }) =>
      `${dialled} does not speak as it was asked to: check ${setting}, whether it begins with http or https, and its port.`,
  ],
]

/** @returns undefined: the error says enough */
export function whyUnreachable(error: Error, url: URL, proxy?: URL): string | undefined {
  if (error instanceof TravessiaError) {
    const { problem } = error.details
    if (!problem || error.code === 'CONFIG_INVALID') return undefined
    return `${url.host} does not answer as Travessia does: check the address. (${problem})`
  }
  const code = (error as NodeJS.ErrnoException).code ?? error.name
  const [, sentence] = sentences.find(([pattern]) => pattern.test(code)) ?? []
  const server = url.host
  if (!proxy) return sentence?.({ dialled: server, setting: 'the address', server })
  const way = { dialled: `the proxy ${proxy.host}`, setting: 'HTTPS_PROXY', server }
  return sentence?.(way) ?? `${error.message}: check HTTPS_PROXY.`
}
