/** One request to a device, made by a program. */
import { type Static, Type } from 'typebox'
import { closed } from './fields.ts'

export const proxyBody = Type.Object(
  {
    method: Type.Enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']),
    path: Type.String({ pattern: '^/', maxLength: 8_192 }),
    headers: Type.Optional(
      Type.Record(Type.String({ maxLength: 256 }), Type.String({ maxLength: 8_192 })),
    ),
    /** Text, a JSON value (sent as application/json), or base64 with `bodyEncoding: 'base64'`. */
    body: Type.Optional(Type.Unknown()),
    bodyEncoding: Type.Optional(Type.Enum(['utf8', 'base64'])),
    timeoutMs: Type.Optional(Type.Integer({ minimum: 100, maximum: 120_000 })),
  },
  closed,
)
export type ProxyBody = Static<typeof proxyBody>
export const proxyAnswer = Type.Object({
  statusCode: Type.Integer(),
  /** `set-cookie` and other repeated names as arrays. */
  headers: Type.Record(Type.String(), Type.Union([Type.String(), Type.Array(Type.String())])),
  body: Type.String(),
  bodyEncoding: Type.Enum(['utf8', 'base64']),
})
export type ProxyAnswer = Static<typeof proxyAnswer>
