/** JSON Schemas of the heads that tunnel frames carry (types: `tunnel-frame.ts`). */
import { Type } from 'typebox'
import { idPattern } from './ids.ts'
import { cameraWishes } from './tunnel-frame.ts'

const headerName = Type.String({ pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$", maxLength: 256 })
const milliseconds = Type.Integer({ minimum: 1, maximum: 3_600_000 })
const headers = Type.Array(Type.String({ maxLength: 16_384 }), { maxItems: 400 })

export const requestHeadSchema = Type.Object(
  {
    deviceId: Type.String({ pattern: idPattern }),
    port: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_535 })),
    method: Type.String({ pattern: '^[A-Z]{3,16}$' }),
    path: Type.String({ pattern: '^/[!-\\[\\]-~]*(\\?[!-~]*)?$', maxLength: 16_384 }),
    headers,
    grant: Type.String({ pattern: '^([\\w-]+\\.[\\w-]+\\.[\\w-]+|[\\w-]{22})$', maxLength: 2_048 }),
    bodyBytes: Type.Optional(Type.Union([Type.Integer({ minimum: 0 }), Type.Literal('chunked')])),
    webSocket: Type.Optional(
      Type.Object(
        { protocols: Type.Array(headerName, { maxItems: 32 }) },
        { additionalProperties: false },
      ),
    ),
    camera: Type.Optional(Type.Enum(cameraWishes)),
    timeouts: Type.Object(
      {
        ...{ connectMs: milliseconds, firstByteMs: milliseconds, idleMs: milliseconds },
        totalMs: Type.Optional(Type.Integer({ minimum: 0, maximum: 86_400_000 })),
      },
      { additionalProperties: false },
    ),
  },
  { additionalProperties: false },
)

export const responseHeadSchema = Type.Object(
  { status: Type.Integer({ minimum: 100, maximum: 599 }), headers },
  { additionalProperties: false },
)
