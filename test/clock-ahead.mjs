/** Preloaded into a node: its clock is ahead by as many ms as the file says that `TEST_CLOCK` names. */
import { readFileSync } from 'node:fs'

const aheadMs = Number(readFileSync(process.env['TEST_CLOCK'] ?? '', 'utf8'))
const Real = Date

globalThis.Date = class extends Real {
  constructor(...parts) {
    if (parts.length === 0) super(Real.now() + aheadMs)
    else super(...parts)
  }

  static now() {
    return Real.now() + aheadMs
  }
}
