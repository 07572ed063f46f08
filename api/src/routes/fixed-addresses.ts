/** `/abrir/{installation}/{device}` is a page of the PWA; this finds what it names for whoever is signed in. */
import { TravessiaError } from '@travessia/schemas/errors'
import { Type } from 'typebox'
import { requirePrincipal } from '../plugins/authentication.ts'
import { maySee } from '../plugins/principal.ts'
import type { Services } from '../services.ts'
import { type App, answers } from './route.ts'

const slug = Type.String({ maxLength: 80 })
const found = Type.Object({
  installationId: Type.String(),
  deviceId: Type.Union([Type.String(), Type.Null()]),
})

export function addFixedAddressRoutes(app: App, { views }: Services): void {
  app.get(
    '/api/addresses/:installation/:device?',
    {
      config: { permission: 'read' },
      schema: {
        params: Type.Object({ installation: slug, device: Type.Optional(slug) }),
        response: answers({ 200: found }),
      },
    },
    async (request) => {
      const principal = requirePrincipal(request)
      const { tenantId } = principal
      const site = await views.installations.bySlug(tenantId, request.params.installation)
      if (!site || !maySee(principal, site.id)) throw new TravessiaError('NOT_FOUND')
      const wanted = request.params.device
      if (wanted === undefined || wanted === '') return { installationId: site.id, deviceId: null }
      const devices = await views.devices.list(tenantId, site.id)
      const device = devices.find((one) => one.slug === wanted)
      if (!device) throw new TravessiaError('NOT_FOUND')
      return { installationId: site.id, deviceId: device.id }
    },
  )
}
