/** By its usual name undici takes a reset for the end of an answer without a length; it was cut. */
export function renameReset(error: Error & { code?: string }): void {
  if (error.code === 'ECONNRESET') error.code = 'DEVICE_RESET'
}
