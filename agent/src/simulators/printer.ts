/** The 3D printer of the demo and of `simulate printer`: OctoPrint with a print under way. */
import { createOctoPrint, type OctoPrint } from './octoprint.ts'

export function createPrinter({ port }: { port: number }): OctoPrint {
  return createOctoPrint({ port, jobSeconds: 600, printing: 'suporte.gcode' })
}
