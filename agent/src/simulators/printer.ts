/** The 3D printer of the demo and of `simulate printer`: OctoPrint with a print under way. */
import { createOctoPrint, type OctoPrint } from './octoprint.ts'

const jobSeconds = 600

export function createPrinter({ port, host }: { port: number; host?: string }): OctoPrint {
  const options = { port, jobSeconds, printing: 'suporte.gcode' }
  return createOctoPrint(host === undefined ? options : { ...options, host })
}
