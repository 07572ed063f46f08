/** What a file for a printer may be; without a schema library, so that the PWA asks the same before it sends. */
export const maxFileBytes = 256 * 1024 * 1024
/** What the drivers that take files can print. */
export const printFileTypes = ['.gcode', '.gco', '.g'] as const

/** A plain name: no folder, nothing upwards, of a printable type in any case. */
export const printFilePattern =
  '^(?!\\.)(?!.*\\.\\.)[^/\\\\\\x00-\\x1f\\x7f]{1,120}\\.([gG][cC][oO][dD][eE]|[gG][cC][oO]|[gG])$'
