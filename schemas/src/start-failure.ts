import { TravessiaError } from './errors.ts'

type SystemError = {
  readonly code?: string
  readonly syscall?: string
  readonly path?: string
  readonly address?: string
  readonly hostname?: string
  readonly port?: number
  readonly cause?: { readonly code?: string }
}

/** Why a server does not start: what a person must know to mend it, in one line. */
export function startFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error instanceof TravessiaError && Array.isArray(error.details['problems']))
    return `Configuration: ${error.details['problems'].join('; ')}.`
  const { code, path, address, hostname, port, cause } = error as SystemError
  if (code === 'EADDRINUSE')
    return `Port ${port} is in use by another program. Stop it, or set another TRAVESSIA_*_PORT (0 picks a free one).`
  if (code === 'EACCES' && port !== undefined)
    return `Port ${port} may not be opened by this user. Set another TRAVESSIA_*_PORT (0 picks a free one).`
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return `TRAVESSIA_HOST: ${address ?? hostname} is no address of this host.`
  if (cause?.code === 'LEVEL_LOCKED')
    return 'The data directory is in use by another Travessia. Stop it, or set another TRAVESSIA_DATA_DIR.'
  if (path !== undefined)
    return `The data directory cannot be used (${error.message}). Set another TRAVESSIA_DATA_DIR.`
  return error.stack ?? error.message
}
